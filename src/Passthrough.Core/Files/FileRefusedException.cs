namespace Passthrough.Core.Files;

/// <summary>
/// A file or link that we do not touch, although the system would let us. The message is a clause that follows "PATH cannot be written: ".
/// </summary>
sealed class FileRefusedException(string message, string hint) : IOException(message)
{
    public string Hint { get; } = hint;
}

using Newtonsoft.Json;

namespace Passthrough.Core.Text;

/// <summary>
/// JSON that may be valid and is larger than <see cref="Limits"/> allow. The message is a predicate: <c>has more than … JSON values</c>.
/// </summary>
sealed class JsonLimitException(string message) : JsonException(message);

using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using Newtonsoft.Json.Linq;
using Passthrough.Core.Text;

namespace Passthrough.Modules.Tests;

/// <summary>What the native program leaves out of the JSON library is not used.</summary>
public sealed class JsonUseTests
{
    /// <summary>The native program has no JToken.ToString() (Substitutions.xml). The analyzer sees calls; what a string's holes call, only the compiler's output tells.</summary>
    [Theory]
    [InlineData(typeof(Json))]
    [InlineData(typeof(ModuleTable))]
    public void No_object_or_array_is_made_a_text_in_passing(Type ofAssembly)
    {
        using var file = new PEReader(File.OpenRead(ofAssembly.Assembly.Location));
        var metadata = file.GetMetadataReader();
        var holes = Enumerable.Range(1, metadata.GetTableRowCount(TableIndex.MethodSpec))
            .Select(row => metadata.GetMethodSpecification(MetadataTokens.MethodSpecificationHandle(row)))
            .Where(specification => specification.Method.Kind == HandleKind.MemberReference && MakesText(metadata, metadata.GetMemberReference((MemberReferenceHandle)specification.Method)))
            .SelectMany(specification => specification.DecodeSignature(new TypeNames(), null))
            .ToList();

        Assert.Contains("Int32", holes);
        Assert.Empty(holes.Intersect([nameof(JToken), nameof(JObject), nameof(JArray), nameof(JContainer), nameof(JProperty)]));
    }

    static bool MakesText(MetadataReader metadata, MemberReference method) => metadata.GetString(method.Name) is "AppendFormatted"
        || (metadata.GetString(method.Name) is "Join" && method.Parent.Kind == HandleKind.TypeReference && metadata.GetString(metadata.GetTypeReference((TypeReferenceHandle)method.Parent).Name) == nameof(String));

    /// <summary>A type as its own name; what it is made of does not matter here.</summary>
    sealed class TypeNames : ISignatureTypeProvider<string, object?>
    {
        public string GetPrimitiveType(PrimitiveTypeCode typeCode) => typeCode.ToString();

        public string GetTypeFromDefinition(MetadataReader reader, TypeDefinitionHandle handle, byte rawTypeKind) => reader.GetString(reader.GetTypeDefinition(handle).Name);

        public string GetTypeFromReference(MetadataReader reader, TypeReferenceHandle handle, byte rawTypeKind) => reader.GetString(reader.GetTypeReference(handle).Name);

        public string GetTypeFromSpecification(MetadataReader reader, object? genericContext, TypeSpecificationHandle handle, byte rawTypeKind) => "";

        public string GetGenericInstantiation(string genericType, ImmutableArray<string> typeArguments) => genericType;

        public string GetGenericMethodParameter(object? genericContext, int index) => "";

        public string GetGenericTypeParameter(object? genericContext, int index) => "";

        public string GetArrayType(string elementType, ArrayShape shape) => elementType + "[,]";

        public string GetSZArrayType(string elementType) => elementType + "[]";

        public string GetByReferenceType(string elementType) => elementType;

        public string GetPointerType(string elementType) => elementType;

        public string GetPinnedType(string elementType) => elementType;

        public string GetModifiedType(string modifier, string unmodifiedType, bool isRequired) => unmodifiedType;

        public string GetFunctionPointerType(MethodSignature<string> signature) => "";
    }
}

using Passthrough.Core.Admin;
using Passthrough.Core.Registry;

namespace Passthrough.Core.Tests.Admin;

public sealed class RegistryProductsTests
{
    [Fact]
    public void Five_products_are_known_and_the_default_is_one_of_them()
    {
        Assert.Equal(["mirror-registry", "quay", "harbor", "jfrog", "distribution"], RegistryProducts.Names.ToArray());
        Assert.Contains(RegistryProducts.Default, RegistryProducts.Names);
    }

    [Fact]
    public void Harbor_is_sent_parts_first_and_the_others_one_body() =>
        Assert.Equal(["harbor"], RegistryProducts.All.Where(product => product.Traits.Upload == UploadForm.PostPatchPut).Select(product => product.Name));

    [Fact]
    public void A_product_that_is_not_known_is_named_with_those_that_are()
    {
        var fault = Assert.Throws<ModuleException>(() => RegistryProducts.Get("nexus"));
        Assert.Equal(("registry_type \"nexus\" is not known", "use one of mirror-registry, quay, harbor, jfrog, distribution"), (fault.Message, fault.Hint));
    }

    [Fact]
    public async Task A_product_that_cannot_be_managed_yet_says_what_works()
    {
        using var connection = new AdminConnection(new RegistryEndpoint("https", "harbor.example.com", null), new ConnectionOptions(), credential: null, new RegistryTraits());

        var fault = await Assert.ThrowsAsync<ModuleException>(() => new RegistryProduct("harbor", "Harbor", new RegistryTraits()).AdminAsync(connection, default));

        Assert.Equal(ErrorCodes.Unsupported, fault.Code);
        Assert.Equal("registry_type harbor: accounts and namespaces of Harbor cannot be managed yet", fault.Message);
        Assert.Equal("set them up on the registry by hand; image_archive and icsp_render work with registry_type harbor already", fault.Hint);
    }
}

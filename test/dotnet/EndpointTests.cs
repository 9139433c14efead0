using Azure.AI.OpenAI;
using OpenAI;
using OpenAI.Assistants;
using OpenAI.VectorStores;
using Xunit;

namespace DotnetTests;

public class EndpointTests
{
    [Theory]
    [InlineData("v1")]
    [InlineData("v1/")]
    [InlineData("openai/v1")]
    [InlineData("openai/v1/")]
    [InlineData("api/projects/garden/openai/v1")]
    public async Task OpenAIsClientIsServedBelowEveryBasePath(string path) =>
        await RunOnce(Sdk.OpenAI(configure: options => options.Endpoint = new Uri(Sdk.Host, path)));

    [Fact]
    public async Task AzuresClientIsServedInAProject() =>
        await RunOnce(new AzureOpenAIClient(new Uri(Sdk.Host, "api/projects/garden"), Sdk.Key));

    public static TheoryData<AzureOpenAIClientOptions.ServiceVersion> Versions => new(Enum.GetValues<AzureOpenAIClientOptions.ServiceVersion>());

    [Theory, MemberData(nameof(Versions))]
    public async Task EveryVersionThatAzuresClientKnowsIsServed(AzureOpenAIClientOptions.ServiceVersion version) =>
        await RunOnce(Sdk.Azure(version));

    private static async Task RunOnce(OpenAIClient openAI)
    {
        AssistantClient client = openAI.GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        ThreadRun run = await client.CreateThreadAndRunAsync(assistant.Id, new ThreadCreationOptions { InitialMessages = { "Hi." } });
        Assert.Equal(RunStatus.Completed, (await RunTests.Ended(client, run)).Status);
        VectorStoreClient stores = openAI.GetVectorStoreClient();
        VectorStore store = await stores.CreateVectorStoreAsync();
        await stores.DeleteVectorStoreAsync(store.Id);
    }
}

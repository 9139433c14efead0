using OpenAI.Assistants;
using Xunit;

namespace DotnetTests;

public class AssistantTests
{
    [Theory]
    [InlineData("OpenAI")]
    [InlineData("Azure")]
    public async Task AnAssistantIsCreatedReadAndDeleted(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant created = await client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Name = "Reader" });
        Assistant read = await client.GetAssistantAsync(created.Id);
        Assert.Equal("Reader", read.Name);
        AssistantDeletionResult result = await client.DeleteAssistantAsync(created.Id);
        Assert.True(result.Deleted);
    }
}

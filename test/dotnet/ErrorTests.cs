using System.ClientModel;
using System.Text.Json;
using Azure.AI.OpenAI;
using OpenAI;
using OpenAI.Assistants;
using Xunit;

namespace DotnetTests;

public class ErrorTests
{
    [Fact]
    public async Task AWrongKeyIs401()
    {
        ApiKeyCredential wrong = new("wrong");
        foreach (OpenAIClient openAI in new[] { Sdk.OpenAI(wrong), new AzureOpenAIClient(Sdk.Host, wrong) })
        {
            ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(() => openAI.GetAssistantClient().CreateAssistantAsync(Sdk.Model));
            Assert.Equal(401, error.Status);
            Assert.Contains("key", error.Message, StringComparison.OrdinalIgnoreCase);
            Assert.NotEmpty(Error(error).GetProperty("code").GetString()!);
        }
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AnUnknownIdIs404AndNamesIt(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        AssistantClient assistants = openAI.GetAssistantClient();
        Func<Task>[] calls =
        [
            () => assistants.GetAssistantAsync("asst_nobody"),
            () => assistants.GetThreadAsync("asst_nobody"),
            () => assistants.GetRunAsync("asst_nobody", "run_1"),
            () => openAI.GetVectorStoreClient().GetVectorStoreAsync("asst_nobody"),
            () => openAI.GetOpenAIFileClient().GetFileAsync("asst_nobody"),
            async () => { await foreach (ThreadMessage _ in assistants.GetMessagesAsync("asst_nobody")) { } },
            async () => { await foreach (StreamingUpdate _ in assistants.CreateRunStreamingAsync("asst_nobody", "asst_nobody")) { } },
        ];
        foreach (Func<Task> call in calls)
        {
            ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(call);
            Assert.Equal(404, error.Status);
            Assert.Contains("asst_nobody", error.Message);
            Assert.Equal("invalid_request_error", Error(error).GetProperty("type").GetString());
        }
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AWrongParameterIs400AndNamesIt(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(
            () => client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Temperature = 3 }));
        Assert.Equal(400, error.Status);
        Assert.Contains("temperature", error.Message);
        Assert.Equal("temperature", Error(error).GetProperty("param").GetString());
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ACallIsCancelledByItsToken(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        using CancellationTokenSource cancelled = new();
        cancelled.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.CreateThreadAsync(null, cancelled.Token));
    }

    private static JsonElement Error(ClientResultException error) =>
        JsonDocument.Parse(error.GetRawResponse()!.Content).RootElement.GetProperty("error");
}

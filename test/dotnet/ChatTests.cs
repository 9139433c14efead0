using System.ClientModel;
using Azure.AI.OpenAI;
using Azure.AI.OpenAI.Chat;
using OpenAI.Chat;
using Xunit;

namespace DotnetTests;

public class ChatTests
{
    private const string Weather = """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}""";

    private static readonly ChatTool GetWeather =
        ChatTool.CreateFunctionTool("get_weather", "Tells the weather.", BinaryData.FromString(Weather), functionSchemaIsStrict: true);

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ACompletionIsRead(string sdk)
    {
        ChatCompletion completion = await Sdk.Client(sdk).GetChatClient(Sdk.Model).CompleteChatAsync("Hello");
        Assert.Equal("You said: Hello", completion.Content[0].Text);
        Assert.Equal(ChatFinishReason.Stop, completion.FinishReason);
        Assert.Equal(completion.Usage.InputTokenCount + completion.Usage.OutputTokenCount, completion.Usage.TotalTokenCount);
        Assert.Equal(Sdk.Model, completion.Model);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AStreamEndsWithItsUsage(string sdk)
    {
        string text = "";
        List<ChatTokenUsage> usages = [];
        await foreach (StreamingChatCompletionUpdate update in Sdk.Client(sdk).GetChatClient(Sdk.Model).CompleteChatStreamingAsync("Hello"))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            if (update.Usage is not null) usages.Add(update.Usage);
        }
        Assert.Equal("You said: Hello", text);
        Assert.True(Assert.Single(usages).TotalTokenCount > 0);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ToolsAreCalledAtOnceAndTheirOutputsReachTheModel(string sdk)
    {
        ChatClient client = Sdk.Client(sdk).GetChatClient(Sdk.Model);
        ChatCompletionOptions options = new() { Tools = { GetWeather }, AllowParallelToolCalls = true };
        List<ChatMessage> messages =
            [new UserChatMessage("""Call the tool get_weather with {"city":"Paris"} and Call the tool get_weather with {"city":"Rome"}""")];
        ChatCompletion asked = await client.CompleteChatAsync(messages, options);
        Assert.Equal(ChatFinishReason.ToolCalls, asked.FinishReason);
        messages.Add(new AssistantChatMessage(asked));
        foreach (ChatToolCall call in asked.ToolCalls) messages.Add(new ToolChatMessage(call.Id, call.FunctionArguments.ToString()));
        ChatCompletion answered = await client.CompleteChatAsync(messages, options);
        Assert.Equal("""The tools said: {"city":"Paris"}; {"city":"Rome"}""", answered.Content[0].Text);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task PartsOfEveryKindAndAllSettingsAreTaken(string sdk)
    {
        ChatCompletionOptions options = new()
        {
            ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("weather", BinaryData.FromString(Weather), jsonSchemaIsStrict: true),
            Temperature = 0, TopP = 1, MaxOutputTokenCount = 50, PresencePenalty = 0, FrequencyPenalty = 0, Seed = 3, EndUserId = "user",
            StopSequences = { "stop" }, LogitBiases = { { 1, 2 } }, IncludeLogProbabilities = true, TopLogProbabilityCount = 2,
            ReasoningEffortLevel = ChatReasoningEffortLevel.Low, Metadata = { { "a", "b" } }, StoredOutputEnabled = false,
        };
        ChatCompletion completion = await Sdk.Client(sdk).GetChatClient(Sdk.Model).CompleteChatAsync(
            [
                new DeveloperChatMessage("Be brief."),
                new UserChatMessage(
                    ChatMessageContentPart.CreateTextPart("""Answer '{"city":"Paris"}'"""),
                    ChatMessageContentPart.CreateImagePart(new Uri("https://pictures.example/otter.png"), ChatImageDetailLevel.Low),
                    ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes([1, 2, 3]), "image/png"),
                    ChatMessageContentPart.CreateInputAudioPart(BinaryData.FromBytes([1]), ChatInputAudioFormat.Wav)),
            ],
            options);
        Assert.Equal("""{"city":"Paris"}""", completion.Content[0].Text);
    }

    [Theory]
    [InlineData(AzureOpenAIClientOptions.ServiceVersion.V2024_06_01)]
    [InlineData(AzureOpenAIClientOptions.ServiceVersion.V2024_10_21)]
    [InlineData(AzureOpenAIClientOptions.ServiceVersion.V2025_04_01_Preview)]
    public async Task ResultsOfTheContentFiltersAreReadInEachVersion(AzureOpenAIClientOptions.ServiceVersion version)
    {
        ChatClient client = Sdk.Azure(version).GetChatClient(Sdk.Model);
        ChatCompletion completion = await client.CompleteChatAsync("Hello");
        Assert.False(completion.GetResponseContentFilterResult().Hate.Filtered);
        List<bool> ofPrompt = [];
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync("Hello"))
            if (update.GetRequestContentFilterResult() is { } result) ofPrompt.Add(result.Hate.Filtered);
        Assert.Equal([false], ofPrompt);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task TheModelServicesRefusalIsThrownWithItsStatus(string sdk)
    {
        ChatClient client = Sdk.Client(sdk).GetChatClient(Sdk.Model);
        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(() => client.CompleteChatAsync("Fail with 400"));
        Assert.Equal(400, error.Status);
        Assert.Contains("Scripted 400.", error.Message);
    }
}

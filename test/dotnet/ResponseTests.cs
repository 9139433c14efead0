using System.ClientModel;
using OpenAI;
using OpenAI.Responses;
using OpenAI.VectorStores;
using Xunit;

namespace DotnetTests;

public class ResponseTests
{
    private static CreateResponseOptions Options(string text) => new(Sdk.Model, [ResponseItem.CreateUserMessageItem(text)]);

    private static CreateResponseOptions With(ResponseTool tool, string text)
    {
        CreateResponseOptions options = Options(text);
        options.Tools.Add(tool);
        return options;
    }

    private static CodeInterpreterTool CodeInterpreter() =>
        ResponseTool.CreateCodeInterpreterTool(new CodeInterpreterToolContainer(CodeInterpreterToolContainerConfiguration.CreateAutomaticContainerConfiguration()));

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AResponseIsContinuedReadAndDeleted(string sdk)
    {
        ResponsesClient client = Sdk.Client(sdk).GetResponsesClient();
        ResponseResult first = await client.CreateResponseAsync(Sdk.Model, "Hello");
        Assert.Equal(ResponseStatus.Completed, first.Status);
        Assert.Equal("You said: Hello", first.GetOutputText());
        ResponseResult second = await client.CreateResponseAsync(Sdk.Model, "Again", first.Id);
        Assert.Equal(first.Id, second.PreviousResponseId);
        Assert.True(second.Usage.InputTokenCount > first.Usage.InputTokenCount);
        GetResponseOptions options = new(first.Id)
        {
            IncludedProperties = { IncludedResponseProperty.FileSearchCallResults, IncludedResponseProperty.MessageInputImageUri },
        };
        ResponseResult read = await client.GetResponseAsync(options);
        Assert.Equal(first.GetOutputText(), read.GetOutputText());
        ResponseDeletionResult deleted = await client.DeleteResponseAsync(first.Id);
        Assert.True(deleted.Deleted);
        ClientResultException error = await Assert.ThrowsAsync<ClientResultException>(() => client.GetResponseAsync(first.Id));
        Assert.Equal(404, error.Status);
        Assert.Contains(first.Id, error.Message);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task InputItemsAreListedPageByPage(string sdk)
    {
        ResponsesClient client = Sdk.Client(sdk).GetResponsesClient();
        string[] texts = ["one", "two", "three", "four", "five"];
        ResponseResult response = await client.CreateResponseAsync(new CreateResponseOptions(Sdk.Model, texts.Select(text => ResponseItem.CreateUserMessageItem(text))));
        List<string> listed = [];
        ResponseItemCollectionOptions options = new(response.Id) { PageSizeLimit = 2, Order = ResponseItemCollectionOrder.Ascending };
        await foreach (ResponseItem item in client.GetResponseInputItemsAsync(options)) listed.Add(Assert.IsAssignableFrom<MessageResponseItem>(item).Content[0].Text);
        Assert.Equal(texts, listed);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task EveryEventOfAStreamHasItsType(string sdk)
    {
        CreateResponseOptions options = With(CodeInterpreter(), """Call the tool code_interpreter with {"code":"print(6*7)"}""");
        options.StreamingEnabled = true;
        List<StreamingResponseUpdate> updates = [];
        await foreach (StreamingResponseUpdate update in Sdk.Client(sdk).GetResponsesClient().CreateResponseStreamingAsync(options)) updates.Add(update);
        Assert.IsType<StreamingResponseCreatedUpdate>(updates[0]);
        // Azure's versions by date have an older name for it.
        if (sdk == "OpenAI") Assert.Equal("print(6*7)", Assert.Single(updates.OfType<StreamingResponseCodeInterpreterCallCodeDoneUpdate>()).Code);
        string text = string.Concat(updates.OfType<StreamingResponseOutputTextDeltaUpdate>().Select(update => update.Delta));
        ResponseResult response = Assert.IsType<StreamingResponseCompletedUpdate>(updates[^1]).Response;
        Assert.Equal("The tools said: 42\n", text);
        Assert.Equal(text, response.GetOutputText());
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AHistoryWithFunctionsCodeAndReasoningIsTakenBack(string sdk)
    {
        ResponsesClient client = Sdk.Client(sdk).GetResponsesClient();
        FunctionTool function = ResponseTool.CreateFunctionTool("get_weather", BinaryData.FromString("""{"type":"object","properties":{}}"""), strictModeEnabled: false);
        CreateResponseOptions asked = With(function, """Call the tool code_interpreter with {"code":"1+1"} and Call the tool get_weather with {}""");
        asked.Tools.Add(CodeInterpreter());
        asked.StoredOutputEnabled = false;
        ResponseResult response = await client.CreateResponseAsync(asked);
        List<ResponseItem> history = [.. asked.InputItems, .. response.OutputItems];
        Assert.Single(history.OfType<CodeInterpreterCallResponseItem>());
        foreach (FunctionCallResponseItem call in response.OutputItems.OfType<FunctionCallResponseItem>())
            history.Add(ResponseItem.CreateFunctionCallOutputItem(call.CallId, "sunny"));
        history.Add(ResponseItem.CreateReasoningItem("It is sunny."));
        history.Add(ResponseItem.CreateUserMessageItem("Thanks"));
        ResponseResult answered = await client.CreateResponseAsync(new CreateResponseOptions(Sdk.Model, history) { StoredOutputEnabled = false });
        Assert.Equal("You said: Thanks", answered.GetOutputText());
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task FilesAreSearchedAndCited(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        var file = await openAI.GetOpenAIFileClient().UploadFileAsync(BinaryData.FromString("The otter sleeps afloat."), "otter.txt", OpenAI.Files.FileUploadPurpose.Assistants);
        VectorStoreClient stores = openAI.GetVectorStoreClient();
        VectorStore store = await stores.CreateVectorStoreAsync(new VectorStoreCreationOptions { FileIds = { file.Value.Id } });
        await Sdk.Until(async () => (await stores.GetVectorStoreAsync(store.Id)).Value.FileCounts.Completed, completed => completed == 1);
        CreateResponseOptions options = With(ResponseTool.CreateFileSearchTool([store.Id], maxResultCount: 5), "Where does the otter sleep?");
        options.IncludedProperties.Add(IncludedResponseProperty.FileSearchCallResults);
        ResponseResult response = await openAI.GetResponsesClient().CreateResponseAsync(options);
        FileSearchCallResponseItem search = Assert.Single(response.OutputItems.OfType<FileSearchCallResponseItem>());
        Assert.Equal("The otter sleeps afloat.", Assert.Single(search.Results).Text);
        ResponseContentPart part = Assert.Single(response.OutputItems.OfType<MessageResponseItem>()).Content[0];
        Assert.Equal("otter.txt", Assert.IsType<FileCitationMessageAnnotation>(Assert.Single(part.OutputTextAnnotations)).Filename);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AToolOfAnMcpServerIsCalledOnceItIsApproved(string sdk)
    {
        ResponsesClient client = Sdk.Client(sdk).GetResponsesClient();
        McpTool tool = ResponseTool.CreateMcpTool("docs", new Uri(Environment.GetEnvironmentVariable("MCP_URL")!));
        ResponseResult asked = await client.CreateResponseAsync(With(tool, """Call the tool docs__search with {"query":"otters"}"""));
        Assert.Single(Assert.Single(asked.OutputItems.OfType<McpToolDefinitionListItem>()).ToolDefinitions);
        McpToolCallApprovalRequestItem request = Assert.Single(asked.OutputItems.OfType<McpToolCallApprovalRequestItem>());
        CreateResponseOptions approval = new(Sdk.Model, [ResponseItem.CreateMcpApprovalResponseItem(request.Id, approved: true)])
        {
            PreviousResponseId = asked.Id, Tools = { tool },
        };
        ResponseResult answered = await client.CreateResponseAsync(approval);
        Assert.Equal("Found otters.", Assert.Single(answered.OutputItems.OfType<McpToolCallItem>()).ToolOutput);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AResponseInTheBackgroundIsResumedAndCancelled(string sdk)
    {
        ResponsesClient client = Sdk.Client(sdk).GetResponsesClient();
        CreateResponseOptions options = Options("Answer slowly");
        options.BackgroundModeEnabled = true;
        options.StreamingEnabled = true;
        string id = "";
        int seen = 0;
        await foreach (StreamingResponseUpdate update in client.CreateResponseStreamingAsync(options))
        {
            if (update is StreamingResponseCreatedUpdate created) id = created.Response.Id;
            seen = update.SequenceNumber;
            if (update is StreamingResponseOutputTextDeltaUpdate) break;
        }
        await foreach (StreamingResponseUpdate update in client.GetResponseStreamingAsync(new GetResponseOptions(id) { StartingAfter = seen, StreamingEnabled = true }))
        {
            Assert.Equal(seen + 1, update.SequenceNumber);
            break;
        }
        ResponseResult cancelled = await client.CancelResponseAsync(id);
        Assert.Equal(ResponseStatus.Cancelled, cancelled.Status);
    }
}

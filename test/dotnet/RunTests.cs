using OpenAI;
using OpenAI.Assistants;
using OpenAI.Files;
using OpenAI.VectorStores;
using Xunit;

namespace DotnetTests;

public class RunTests
{
    private const string TwoCalls = """Call the tool get_weather with {"city":"Oslo"} and then Call the tool get_time with {"zone":"CET"}""";
    private static readonly ToolDefinition Weather = ToolDefinition.CreateFunction(
        "get_weather", "The weather of a city.", BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}}}"""));
    private static readonly ToolDefinition Time = ToolDefinition.CreateFunction("get_time");

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ARunIsPolledToItsAnswer(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Instructions = "Repeat." });
        AssistantThread thread = await client.CreateThreadAsync(new ThreadCreationOptions { InitialMessages = { "Hello there." } });
        ThreadRun created = await client.CreateRunAsync(thread.Id, assistant.Id);
        Assert.Equal((thread.Id, assistant.Id, Sdk.Model, "Repeat."), (created.ThreadId, created.AssistantId, created.Model, created.Instructions));
        Assert.NotNull(created.ExpiresAt);
        Assert.Equal(AssistantResponseFormat.Auto, created.ResponseFormat);
        Assert.Equal((1f, 1f, true), (created.Temperature, created.NucleusSamplingFactor, created.AllowParallelToolCalls));
        Assert.Null(created.TruncationStrategy.LastMessages);
        Assert.Empty(created.RequiredActions ?? []);
        ThreadRun run = await Ended(client, created);
        Assert.Equal(RunStatus.Completed, run.Status);
        Assert.NotNull(run.CompletedAt);
        Assert.Null(run.LastError);
        Assert.Equal(run.Usage.InputTokenCount + run.Usage.OutputTokenCount, run.Usage.TotalTokenCount);
        Assert.True(run.Usage.TotalTokenCount > 0);
        ThreadMessage answer = (await ThreadTests.Messages(client, thread.Id, new()))[0];
        Assert.Equal((MessageRole.Assistant, assistant.Id, run.Id), (answer.Role, answer.AssistantId, answer.RunId));
        Assert.Equal(MessageStatus.Completed, answer.Status);
        Assert.Equal("You said: Hello there.", answer.Content[0].Text);
        RunStep step = Assert.Single(await Steps(client, run));
        Assert.Equal((RunStepKind.CreatedMessage, answer.Id), (step.Kind, step.Details.CreatedMessageId));
        Assert.Equal(RunStepStatus.Completed, step.Status);
        Assert.Equal(run.Usage.TotalTokenCount, step.Usage.TotalTokenCount);
        RunStep read = await client.GetRunStepAsync(thread.Id, run.Id, step.Id);
        Assert.Equal(step.Id, read.Id);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ParallelToolCallsAreAnsweredTogether(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Tools = { Weather, Time } });
        AssistantThread thread = await client.CreateThreadAsync(new ThreadCreationOptions { InitialMessages = { TwoCalls } });
        ThreadRun waiting = await Ended(client, await client.CreateRunAsync(thread.Id, assistant.Id));
        Assert.Equal(RunStatus.RequiresAction, waiting.Status);
        Assert.Equal(["get_weather", "get_time"], waiting.RequiredActions.Select(action => action.FunctionName));
        Assert.Equal("""{"city":"Oslo"}""", waiting.RequiredActions[0].FunctionArguments);
        ThreadRun submitted = await client.SubmitToolOutputsToRunAsync(
            thread.Id,
            waiting.Id,
            waiting.RequiredActions.Select(action => new ToolOutput(action.ToolCallId, $"output of {action.FunctionName}")));
        Assert.Empty(submitted.RequiredActions ?? []);
        ThreadRun run = await Ended(client, submitted);
        Assert.Equal(RunStatus.Completed, run.Status);
        ThreadMessage answer = (await ThreadTests.Messages(client, thread.Id, new()))[0];
        Assert.Equal("The tools said: output of get_weather; output of get_time", answer.Content[0].Text);
        List<RunStep> steps = await Steps(client, run);
        Assert.Equal([RunStepKind.ToolCall, RunStepKind.CreatedMessage], steps.Select(step => step.Kind));
        Assert.All(steps[0].Details.ToolCalls, call => Assert.Equal(RunStepToolCallKind.Function, call.Kind));
        Assert.Equal(["output of get_weather", "output of get_time"], steps[0].Details.ToolCalls.Select(call => call.FunctionOutput));
        Assert.Equal("""{"zone":"CET"}""", steps[0].Details.ToolCalls[1].FunctionArguments);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ARunTakesEveryOptionAndTellsThemBack(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        ThreadRun created = await client.CreateThreadAndRunAsync(
            assistant.Id,
            new ThreadCreationOptions { InitialMessages = { "Before." }, Metadata = { ["of"] = "thread" } },
            new RunCreationOptions
            {
                ModelOverride = "gpt-4o-mini",
                InstructionsOverride = "Other.",
                Temperature = 0.2f,
                NucleusSamplingFactor = 0.5f,
                MaxInputTokenCount = 5000,
                MaxOutputTokenCount = 600,
                TruncationStrategy = RunTruncationStrategy.CreateLastMessagesStrategy(4),
                AllowParallelToolCalls = false,
                ResponseFormat = AssistantResponseFormat.CreateJsonObjectFormat(),
                ToolsOverride = { Weather, Time },
                ToolConstraint = new ToolConstraint(Weather),
                Metadata = { ["of"] = "run" },
            });
        Assert.Equal(("gpt-4o-mini", "Other.", 0.2f, 0.5f), (created.Model, created.Instructions, created.Temperature, created.NucleusSamplingFactor));
        Assert.Equal((5000, 600, 4, false), (created.MaxInputTokenCount, created.MaxOutputTokenCount, created.TruncationStrategy.LastMessages, created.AllowParallelToolCalls));
        Assert.Equal(AssistantResponseFormat.CreateJsonObjectFormat(), created.ResponseFormat);
        Assert.Equal("get_weather", Assert.IsType<FunctionToolDefinition>(created.Tools[0]).FunctionName);
        Assert.NotNull(created.ToolConstraint);
        Assert.Equal("run", created.Metadata["of"]);
        await Ended(client, created);
        AssistantThread thread = await client.GetThreadAsync(created.ThreadId);
        Assert.Equal("thread", thread.Metadata["of"]);

        ToolConstraint[] constraints =
        [
            ToolConstraint.None, ToolConstraint.Auto, ToolConstraint.Required,
            new(ToolDefinition.CreateCodeInterpreter()), new(ToolDefinition.CreateFileSearch()),
        ];
        foreach (ToolConstraint constraint in constraints)
        {
            ThreadRun run = await client.CreateThreadAndRunAsync(
                assistant.Id, new ThreadCreationOptions(), new RunCreationOptions { ToolConstraint = constraint, ToolsOverride = { Weather, ToolDefinition.CreateCodeInterpreter(), ToolDefinition.CreateFileSearch() }, TruncationStrategy = RunTruncationStrategy.Auto });
            Assert.Equal(RunStatus.Completed, (await Ended(client, run)).Status);
        }
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AdditionalMessagesReachTheModel(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Instructions = "One." });
        AssistantThread thread = await client.CreateThreadAsync();
        ThreadRun run = await Ended(client, await client.CreateRunAsync(thread.Id, assistant.Id, new RunCreationOptions
        {
            AdditionalInstructions = "Two.",
            AdditionalMessages = { new ThreadInitializationMessage(MessageRole.User, ["Additional."]) },
        }));
        Assert.StartsWith("One.", run.Instructions);
        Assert.Equal("You said: Additional.", (await ThreadTests.Messages(client, thread.Id, new()))[0].Content[0].Text);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ARunIsCancelledWhileTheModelAnswers(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        ThreadRun created = await client.CreateThreadAndRunAsync(assistant.Id, new ThreadCreationOptions { InitialMessages = { "Answer slowly" } });
        ThreadRun cancelling = await client.CancelRunAsync(created.ThreadId, created.Id);
        Assert.Contains(cancelling.Status, new[] { RunStatus.Cancelling, RunStatus.Cancelled });
        ThreadRun run = await Ended(client, cancelling);
        Assert.Equal(RunStatus.Cancelled, run.Status);
        Assert.NotNull(run.CancelledAt);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AFailedRunTellsItsError(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        ThreadRun run = await Ended(
            client, await client.CreateThreadAndRunAsync(assistant.Id, new ThreadCreationOptions { InitialMessages = { "Fail with 400" } }));
        Assert.Equal(RunStatus.Failed, run.Status);
        Assert.NotNull(run.FailedAt);
        Assert.NotEmpty(run.LastError.Message);
        Assert.NotEmpty(run.LastError.Code.ToString());
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task FileSearchCitesTheFileItAnswersFrom(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        AssistantClient client = openAI.GetAssistantClient();
        OpenAIFile file = await openAI.GetOpenAIFileClient().UploadFileAsync(
            BinaryData.FromString("The otter sleeps on the water."), "otter.txt", FileUploadPurpose.Assistants);
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Tools = { ToolDefinition.CreateFileSearch() } });
        ThreadRun run = await Ended(client, await client.CreateThreadAndRunAsync(assistant.Id, new ThreadCreationOptions
        {
            InitialMessages = { "Where does the otter sleep?" },
            ToolResources = new ToolResources { FileSearch = new FileSearchToolResources { NewVectorStores = { new VectorStoreCreationHelper([file.Id]) } } },
        }));
        Assert.Equal(RunStatus.Completed, run.Status);
        MessageContent content = (await ThreadTests.Messages(client, run.ThreadId, new()))[0].Content[0];
        TextAnnotation annotation = Assert.Single(content.TextAnnotations);
        Assert.Equal(file.Id, annotation.InputFileId);
        Assert.Equal(annotation.TextToReplace, content.Text[annotation.StartIndex..annotation.EndIndex]);
        RunStepToolCall call = Assert.Single((await Steps(client, run))[0].Details.ToolCalls);
        Assert.Equal(RunStepToolCallKind.FileSearch, call.Kind);
        RunStepFileSearchResult result = call.FileSearchResults[0];
        Assert.Equal((file.Id, "otter.txt"), (result.FileId, result.FileName));
        Assert.InRange(result.Score, 0f, 1f);
        Assert.NotNull(call.FileSearchRankingOptions);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task CodeIsRunAndItsOutputAndFilesComeBack(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        AssistantClient client = openAI.GetAssistantClient();
        OpenAIFile table = await openAI.GetOpenAIFileClient().UploadFileAsync(
            BinaryData.FromString("a,b\n1,2\n"), "table.csv", FileUploadPurpose.Assistants);
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Tools = { ToolDefinition.CreateCodeInterpreter() } });
        string code = $$"""{"code":"text = open('/mnt/data/table.csv').read(); open('/mnt/data/copy.csv', 'w').write(text); print(len(text))"}""";
        AssistantThread thread = await client.CreateThreadAsync(new ThreadCreationOptions
        {
            InitialMessages =
            {
                new ThreadInitializationMessage(MessageRole.User, [$"Call the tool code_interpreter with {code}"])
                {
                    Attachments = [new MessageCreationAttachment(table.Id, [ToolDefinition.CreateCodeInterpreter()])],
                },
            },
        });
        ThreadRun run = await Ended(client, await client.CreateRunAsync(thread.Id, assistant.Id));
        Assert.Equal(RunStatus.Completed, run.Status);
        RunStepToolCall call = Assert.Single((await Steps(client, run))[0].Details.ToolCalls);
        Assert.Equal(RunStepToolCallKind.CodeInterpreter, call.Kind);
        Assert.Contains("print(len(text))", call.CodeInterpreterInput);
        Assert.Equal("8", call.CodeInterpreterOutputs[0].Logs.Trim());
        ThreadMessage answer = (await ThreadTests.Messages(client, thread.Id, new()))[0];
        MessageCreationAttachment made = Assert.Single(answer.Attachments);
        OpenAIFile read = await openAI.GetOpenAIFileClient().GetFileAsync(made.FileId);
        Assert.Equal(FilePurpose.AssistantsOutput, read.Purpose);
        BinaryData copy = await openAI.GetOpenAIFileClient().DownloadFileAsync(made.FileId);
        Assert.Equal("a,b\n1,2\n", copy.ToString());
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task RunsAndStepsAreListedPageByPageInBothOrders(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        AssistantThread thread = await client.CreateThreadAsync(new ThreadCreationOptions { InitialMessages = { "Hello." } });
        List<string> ids = [];
        for (int number = 0; number < 3; number++) ids.Add((await Ended(client, await client.CreateRunAsync(thread.Id, assistant.Id))).Id);
        async Task<List<string>> Listed(RunCollectionOptions options)
        {
            List<string> listed = [];
            await foreach (ThreadRun run in client.GetRunsAsync(thread.Id, options)) listed.Add(run.Id);
            return listed;
        }
        Assert.Equal(Enumerable.Reverse(ids), await Listed(new() { PageSizeLimit = 1 }));
        Assert.Equal(ids.Skip(1), await Listed(new() { PageSizeLimit = 1, Order = RunCollectionOrder.Ascending, AfterId = ids[0] }));
        Assert.Equal(ids.Take(2), await Listed(new() { Order = RunCollectionOrder.Ascending, BeforeId = ids[2] }));
    }

    /// <summary>Waits until a run is over, or waits for its caller.</summary>
    internal static async Task<ThreadRun> Ended(AssistantClient client, ThreadRun run) => await Sdk.Until(
        async () => (await client.GetRunAsync(run.ThreadId, run.Id)).Value,
        now => now.Status.IsTerminal || now.Status == RunStatus.RequiresAction);

    /// <summary>The steps of a run, the oldest first.</summary>
    internal static async Task<List<RunStep>> Steps(AssistantClient client, ThreadRun run)
    {
        List<RunStep> steps = [];
        RunStepCollectionOptions options = new() { PageSizeLimit = 1, Order = RunStepCollectionOrder.Ascending };
        await foreach (RunStep step in client.GetRunStepsAsync(run.ThreadId, run.Id, options)) steps.Add(step);
        return steps;
    }
}

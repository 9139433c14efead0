using OpenAI;
using OpenAI.Assistants;
using OpenAI.Files;
using Xunit;

namespace DotnetTests;

public class RunStreamTests
{
    [Theory, ClassData(typeof(EachSdk))]
    public async Task AStreamedRunTellsItsEventsInOrder(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        List<StreamingUpdate> updates = await Collected(client.CreateThreadAndRunStreamingAsync(
            assistant.Id,
            new ThreadCreationOptions { InitialMessages = { "Hello there." }, Metadata = { ["of"] = "thread" } },
            new RunCreationOptions { Metadata = { ["of"] = "run" } }));
        Assert.Equal(
            [
                StreamingUpdateReason.ThreadCreated,
                StreamingUpdateReason.RunCreated,
                StreamingUpdateReason.RunQueued,
                StreamingUpdateReason.RunInProgress,
                StreamingUpdateReason.RunStepCreated,
                StreamingUpdateReason.RunStepInProgress,
                StreamingUpdateReason.MessageCreated,
                StreamingUpdateReason.MessageInProgress,
                StreamingUpdateReason.MessageUpdated,
                StreamingUpdateReason.MessageCompleted,
                StreamingUpdateReason.RunStepCompleted,
                StreamingUpdateReason.RunCompleted,
            ],
            updates.Select(update => update.UpdateKind).Where(kind => kind != StreamingUpdateReason.Done).Distinct());
        ThreadUpdate thread = Assert.IsType<ThreadUpdate>(updates[0]);
        Assert.Equal("thread", thread.Metadata["of"]);
        ThreadRun created = Assert.IsType<RunUpdate>(updates[1]).Value;
        Assert.Equal((thread.Id, "run"), (created.ThreadId, created.Metadata["of"]));
        List<MessageContentUpdate> pieces = updates.OfType<MessageContentUpdate>().ToList();
        Assert.True(pieces.Count > 1);
        Assert.Equal("You said: Hello there.", string.Concat(pieces.Select(piece => piece.Text)));
        ThreadMessage message = updates.OfType<MessageStatusUpdate>().Last().Value;
        Assert.Equal("You said: Hello there.", message.Content[0].Text);
        Assert.All(pieces, piece => Assert.Equal(message.Id, piece.MessageId));
        ThreadRun completed = updates.OfType<RunUpdate>().Last().Value;
        Assert.Equal(RunStatus.Completed, completed.Status);
        Assert.True(completed.Usage.TotalTokenCount > 0);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ToolOutputsAreStreamedOn(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(
            Sdk.Model, new AssistantCreationOptions { Tools = { ToolDefinition.CreateFunction("get_weather"), ToolDefinition.CreateFunction("get_time") } });
        AssistantThread thread = await client.CreateThreadAsync(new ThreadCreationOptions
        {
            InitialMessages = { """Call the tool get_weather with {"city":"Oslo"} and Call the tool get_time with {"zone":"CET"}""" },
        });
        string text = "";
        int rounds = 0;
        Dictionary<string, string> arguments = [];
        var updates = client.CreateRunStreamingAsync(thread.Id, assistant.Id);
        List<ToolOutput> outputs;
        // As OpenAI's own example does it: outputs are gathered while the stream runs, and sent when it ends.
        do
        {
            outputs = [];
            ThreadRun? run = null;
            await foreach (StreamingUpdate update in updates)
            {
                if (update is RequiredActionUpdate action)
                {
                    arguments[action.FunctionName] = action.FunctionArguments;
                    outputs.Add(new ToolOutput(action.ToolCallId, $"output of {action.FunctionName}"));
                    run = action.GetThreadRun();
                }
                else if (update is RunUpdate runUpdate) run = runUpdate.Value;
                else if (update is MessageContentUpdate piece) text += piece.Text;
            }
            Assert.NotNull(run);
            rounds++;
            if (outputs.Count > 0) updates = client.SubmitToolOutputsToRunStreamingAsync(run.ThreadId, run.Id, outputs);
        }
        while (outputs.Count > 0);
        Assert.Equal(2, rounds);
        Assert.Equal(("""{"city":"Oslo"}""", """{"zone":"CET"}"""), (arguments["get_weather"], arguments["get_time"]));
        Assert.Equal("The tools said: output of get_weather; output of get_time", text);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task CodeIsStreamedWithItsOutput(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Tools = { ToolDefinition.CreateCodeInterpreter() } });
        List<StreamingUpdate> updates = await Collected(client.CreateThreadAndRunStreamingAsync(
            assistant.Id, new ThreadCreationOptions { InitialMessages = { """Call the tool code_interpreter with {"code":"print(6 * 7)"}""" } }));
        List<RunStepDetailsUpdate> details = updates.OfType<RunStepDetailsUpdate>().ToList();
        Assert.Equal("print(6 * 7)", string.Concat(details.Select(detail => detail.CodeInterpreterInput)));
        Assert.Equal("42", string.Concat(details.SelectMany(detail => detail.CodeInterpreterOutputs ?? []).Select(output => output.Logs)).Trim());
        RunStep step = updates.OfType<RunStepUpdate>().Last(update => update.UpdateKind == StreamingUpdateReason.RunStepCompleted && update.Value.Kind == RunStepKind.ToolCall).Value;
        Assert.Equal("print(6 * 7)", step.Details.ToolCalls[0].CodeInterpreterInput);
        Assert.All(details, detail => Assert.Equal(step.Id, detail.StepId));
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task CitationsAreStreamed(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        AssistantClient client = openAI.GetAssistantClient();
        OpenAIFile file = await openAI.GetOpenAIFileClient().UploadFileAsync(
            BinaryData.FromString("The otter sleeps on the water."), "otter.txt", FileUploadPurpose.Assistants);
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model, new AssistantCreationOptions { Tools = { ToolDefinition.CreateFileSearch() } });
        List<StreamingUpdate> updates = await Collected(client.CreateThreadAndRunStreamingAsync(assistant.Id, new ThreadCreationOptions
        {
            InitialMessages =
            {
                new ThreadInitializationMessage(MessageRole.User, ["Where does the otter sleep?"])
                {
                    Attachments = [new MessageCreationAttachment(file.Id, [ToolDefinition.CreateFileSearch()])],
                },
            },
        }));
        string text = string.Concat(updates.OfType<MessageContentUpdate>().Select(piece => piece.Text));
        TextAnnotationUpdate annotation = Assert.Single(updates.OfType<MessageContentUpdate>().Select(piece => piece.TextAnnotation).OfType<TextAnnotationUpdate>());
        Assert.Equal(file.Id, annotation.InputFileId);
        Assert.NotNull(annotation.StartIndex);
        Assert.NotNull(annotation.EndIndex);
        Assert.Equal(annotation.TextToReplace, text[annotation.StartIndex.Value..annotation.EndIndex.Value]);
        Assert.Contains(updates.OfType<RunStepDetailsUpdate>(), detail => detail.FileSearchResults is { Count: > 0 } || detail.ToolCallId is not null);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AFailureOfTheModelEndsTheStreamWithTheFailedRun(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        List<StreamingUpdate> updates = await Collected(client.CreateThreadAndRunStreamingAsync(
            assistant.Id, new ThreadCreationOptions { InitialMessages = { "Fail with 400" } }));
        RunUpdate failed = updates.OfType<RunUpdate>().Last();
        Assert.Equal(StreamingUpdateReason.RunFailed, failed.UpdateKind);
        Assert.NotEmpty(failed.Value.LastError.Message);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ARunThatIsCancelledWhileItStreamsEndsItsStream(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        ThreadRun? run = null;
        bool asked = false;
        await foreach (StreamingUpdate update in client.CreateThreadAndRunStreamingAsync(
            assistant.Id, new ThreadCreationOptions { InitialMessages = { "Answer slowly" } }))
        {
            if (update is RunUpdate { Value: { } now }) run = now;
            if (update is MessageContentUpdate && run is not null && !asked)
            {
                asked = true;
                await client.CancelRunAsync(run.ThreadId, run.Id);
            }
        }
        Assert.Equal(RunStatus.Cancelled, run?.Status);
        ThreadMessage message = (await ThreadTests.Messages(client, run!.ThreadId, new()))[0];
        Assert.Equal((MessageStatus.Incomplete, MessageFailureReason.RunCancelled), (message.Status, message.IncompleteDetails.Reason));
        Assert.NotNull(message.IncompleteAt);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ACallerMayLeaveAStream(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant assistant = await client.CreateAssistantAsync(Sdk.Model);
        using CancellationTokenSource leaving = new();
        ThreadRun? run = null;
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (StreamingUpdate update in client.CreateThreadAndRunStreamingAsync(
                assistant.Id, new ThreadCreationOptions { InitialMessages = { "Answer slowly" } }, null, leaving.Token))
            {
                if (update is RunUpdate { Value: { } now }) run = now;
                if (update is MessageContentUpdate) leaving.Cancel();
            }
        });
        Assert.NotNull(run);
        ThreadRun alive = await client.GetRunAsync(run.ThreadId, run.Id);
        Assert.Equal(RunStatus.InProgress, alive.Status);
        await client.CancelRunAsync(run.ThreadId, run.Id);
    }

    private static async Task<List<StreamingUpdate>> Collected(IAsyncEnumerable<StreamingUpdate> stream)
    {
        List<StreamingUpdate> updates = [];
        await foreach (StreamingUpdate update in stream) updates.Add(update);
        return updates;
    }
}

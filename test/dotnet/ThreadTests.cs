using OpenAI;
using OpenAI.Assistants;
using OpenAI.Files;
using Xunit;

namespace DotnetTests;

public class ThreadTests
{
    [Theory, ClassData(typeof(EachSdk))]
    public async Task AThreadBeginsWithItsMessagesAndResources(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        AssistantClient client = openAI.GetAssistantClient();
        OpenAIFile file = await Upload(openAI, "notes.txt", FileUploadPurpose.Assistants);
        AssistantThread created = await client.CreateThreadAsync(new ThreadCreationOptions
        {
            InitialMessages =
            {
                new ThreadInitializationMessage(MessageRole.User, ["First.", "Second part."]),
                new ThreadInitializationMessage(MessageRole.Assistant, ["Answer."]) { Metadata = { ["kind"] = "seed" } },
                new ThreadInitializationMessage(MessageRole.User, ["With a file."])
                {
                    Attachments = [new MessageCreationAttachment(file.Id, [ToolDefinition.CreateFileSearch(), ToolDefinition.CreateCodeInterpreter()])],
                },
            },
            ToolResources = new ToolResources { CodeInterpreter = new CodeInterpreterToolResources { FileIds = { file.Id } } },
            Metadata = { ["user"] = "7" },
        });
        AssistantThread read = await client.GetThreadAsync(created.Id);
        Assert.Equal("7", read.Metadata["user"]);
        Assert.Contains(file.Id, read.ToolResources.CodeInterpreter.FileIds);
        List<ThreadMessage> messages = await Messages(client, created.Id, new() { Order = MessageCollectionOrder.Ascending });
        Assert.Equal([MessageRole.User, MessageRole.Assistant, MessageRole.User], messages.Select(message => message.Role));
        Assert.Equal(["First.", "Second part."], messages[0].Content.Select(part => part.Text));
        Assert.Equal("seed", messages[1].Metadata["kind"]);
        MessageCreationAttachment attachment = Assert.Single(messages[2].Attachments);
        Assert.Equal(file.Id, attachment.FileId);
        Assert.Equal(2, attachment.Tools.Count);

        AssistantThread modified = await client.ModifyThreadAsync(created.Id, new ThreadModificationOptions
        {
            Metadata = { ["user"] = "8" },
            ToolResources = new ToolResources { CodeInterpreter = new CodeInterpreterToolResources() },
        });
        Assert.Equal("8", modified.Metadata["user"]);
        ThreadDeletionResult deletion = await client.DeleteThreadAsync(created.Id);
        Assert.Equal((created.Id, true), (deletion.ThreadId, deletion.Deleted));
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AMessageHoldsTextAndImagesAndIsModifiedAndDeleted(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        AssistantClient client = openAI.GetAssistantClient();
        OpenAIFile image = await openAI.GetOpenAIFileClient().UploadFileAsync(
            BinaryData.FromBytes(Convert.FromBase64String("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")),
            "dot.png",
            FileUploadPurpose.Vision);
        AssistantThread thread = await client.CreateThreadAsync();
        ThreadMessage created = await client.CreateMessageAsync(
            thread.Id,
            MessageRole.User,
            [
                "What is this?",
                MessageContent.FromImageFileId(image.Id, MessageImageDetail.Low),
                MessageContent.FromImageUri(new Uri("https://example.com/dot.png"), MessageImageDetail.High),
            ],
            new MessageCreationOptions { Metadata = { ["n"] = "1" } });
        ThreadMessage read = await client.GetMessageAsync(thread.Id, created.Id);
        Assert.Equal(("What is this?", thread.Id, MessageRole.User), (read.Content[0].Text, read.ThreadId, read.Role));
        Assert.Equal((image.Id, MessageImageDetail.Low), (read.Content[1].ImageFileId, read.Content[1].ImageDetail));
        Assert.Equal((new Uri("https://example.com/dot.png"), MessageImageDetail.High), (read.Content[2].ImageUri, read.Content[2].ImageDetail));
        Assert.Null(read.AssistantId);
        Assert.Null(read.RunId);
        Assert.Equal("1", read.Metadata["n"]);
        ThreadMessage modified = await client.ModifyMessageAsync(thread.Id, created.Id, new MessageModificationOptions { Metadata = { ["n"] = "2" } });
        Assert.Equal("2", modified.Metadata["n"]);
        MessageDeletionResult deletion = await client.DeleteMessageAsync(thread.Id, created.Id);
        Assert.Equal((created.Id, true), (deletion.MessageId, deletion.Deleted));
        Assert.Empty(await Messages(client, thread.Id, new()));
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task MessagesAreListedPageByPageInBothOrders(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        AssistantThread thread = await client.CreateThreadAsync();
        List<string> ids = [];
        for (int number = 0; number < 5; number++)
            ids.Add((await client.CreateMessageAsync(thread.Id, MessageRole.User, [$"Message {number}"])).Value.Id);
        async Task<IEnumerable<string>> Listed(MessageCollectionOptions options) =>
            (await Messages(client, thread.Id, options)).Select(message => message.Id);
        Assert.Equal(Enumerable.Reverse(ids), await Listed(new() { PageSizeLimit = 2 }));
        Assert.Equal(ids, await Listed(new() { PageSizeLimit = 2, Order = MessageCollectionOrder.Ascending }));
        Assert.Equal(ids.Skip(3), await Listed(new() { PageSizeLimit = 1, Order = MessageCollectionOrder.Ascending, AfterId = ids[2] }));
        Assert.Equal(ids.Take(2), await Listed(new() { Order = MessageCollectionOrder.Ascending, BeforeId = ids[2] }));

        int pages = 0;
        await foreach (var page in client.GetMessagesAsync(thread.Id, new MessageCollectionOptions { PageSizeLimit = 2 }).GetRawPagesAsync())
        {
            Assert.Equal(200, page.GetRawResponse().Status);
            pages++;
        }
        Assert.Equal(3, pages);
    }

    internal static async Task<List<ThreadMessage>> Messages(AssistantClient client, string threadId, MessageCollectionOptions options)
    {
        List<ThreadMessage> messages = [];
        await foreach (ThreadMessage message in client.GetMessagesAsync(threadId, options)) messages.Add(message);
        return messages;
    }

    private static async Task<OpenAIFile> Upload(OpenAIClient openAI, string name, FileUploadPurpose purpose) =>
        await openAI.GetOpenAIFileClient().UploadFileAsync(BinaryData.FromString("The otter sleeps on the water."), name, purpose);
}

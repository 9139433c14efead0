using OpenAI;
using OpenAI.Assistants;
using OpenAI.Files;
using OpenAI.VectorStores;
using Xunit;

namespace DotnetTests;

public class AssistantTests
{
    private static readonly BinaryData CitySchema = BinaryData.FromString(
        """{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}""");

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AnAssistantKeepsAllThatItIsCreatedWith(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        AssistantClient client = openAI.GetAssistantClient();
        OpenAIFile file = await openAI.GetOpenAIFileClient().UploadFileAsync(
            BinaryData.FromString("a,b\n1,2\n"), "table.csv", FileUploadPurpose.Assistants);
        AssistantCreationOptions options = new()
        {
            Name = "Reader",
            Description = "Reads.",
            Instructions = "Read what is there.",
            Temperature = 0.3f,
            NucleusSamplingFactor = 0.7f,
            ResponseFormat = AssistantResponseFormat.CreateJsonSchemaFormat("city", CitySchema, "A city.", true),
            Tools =
            {
                ToolDefinition.CreateCodeInterpreter(),
                new FileSearchToolDefinition
                {
                    MaxResults = 7,
                    RankingOptions = new FileSearchRankingOptions(0.4f) { Ranker = FileSearchRanker.Default20240821 },
                },
                ToolDefinition.CreateFunction("get_weather", "The weather of a city.", CitySchema, true),
            },
            ToolResources = new ToolResources
            {
                CodeInterpreter = new CodeInterpreterToolResources { FileIds = { file.Id } },
                FileSearch = new FileSearchToolResources
                {
                    NewVectorStores =
                    {
                        new VectorStoreCreationHelper([file])
                        {
                            ChunkingStrategy = FileChunkingStrategy.CreateStaticStrategy(200, 50),
                            Metadata = { ["made"] = "here" },
                        },
                    },
                },
            },
            Metadata = { ["team"] = "docs" },
        };

        Assistant created = await client.CreateAssistantAsync(Sdk.Model, options);
        Assistant read = await client.GetAssistantAsync(created.Id);

        foreach (Assistant assistant in new[] { created, read })
        {
            Assert.Equal(("Reader", "Reads.", "Read what is there."), (assistant.Name, assistant.Description, assistant.Instructions));
            Assert.Equal((Sdk.Model, 0.3f, 0.7f), (assistant.Model, assistant.Temperature, assistant.NucleusSamplingFactor));
            Assert.Equal("docs", assistant.Metadata["team"]);
            Assert.Equal(options.ResponseFormat, assistant.ResponseFormat);
            Assert.IsType<CodeInterpreterToolDefinition>(assistant.Tools[0]);
            FileSearchToolDefinition search = Assert.IsType<FileSearchToolDefinition>(assistant.Tools[1]);
            Assert.Equal((7, 0.4f), (search.MaxResults, search.RankingOptions.ScoreThreshold));
            FunctionToolDefinition function = Assert.IsType<FunctionToolDefinition>(assistant.Tools[2]);
            Assert.Equal(("get_weather", true), (function.FunctionName, function.StrictParameterSchemaEnabled));
            Assert.Contains("additionalProperties", function.Parameters.ToString());
            Assert.Equal([file.Id], assistant.ToolResources.CodeInterpreter.FileIds);
            Assert.Single(assistant.ToolResources.FileSearch.VectorStoreIds);
            Assert.InRange(assistant.CreatedAt, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
        }
        VectorStore store = await openAI.GetVectorStoreClient().GetVectorStoreAsync(read.ToolResources.FileSearch.VectorStoreIds[0]);
        Assert.Equal("here", store.Metadata["made"]);
        AssistantDeletionResult deletion = await client.DeleteAssistantAsync(created.Id);
        Assert.Equal((created.Id, true), (deletion.AssistantId, deletion.Deleted));
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AModificationChangesWhatItNamesAndLeavesTheRest(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        Assistant created = await client.CreateAssistantAsync(
            Sdk.Model,
            new AssistantCreationOptions { Name = "Old", Instructions = "Stay.", Tools = { ToolDefinition.CreateCodeInterpreter() } });
        Assistant modified = await client.ModifyAssistantAsync(created.Id, new AssistantModificationOptions
        {
            Name = "New",
            Model = "gpt-4o-mini",
            DefaultTools = { ToolDefinition.CreateFileSearch(3) },
            ResponseFormat = AssistantResponseFormat.CreateTextFormat(),
            Metadata = { ["stage"] = "two" },
        });
        Assert.Equal(("New", "gpt-4o-mini", "Stay."), (modified.Name, modified.Model, modified.Instructions));
        Assert.Equal(3, Assert.IsType<FileSearchToolDefinition>(Assert.Single(modified.Tools)).MaxResults);
        Assert.Equal("two", modified.Metadata["stage"]);
        Assert.Equal(AssistantResponseFormat.CreateTextFormat(), modified.ResponseFormat);
        await client.DeleteAssistantAsync(created.Id);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AssistantsAreListedPageByPageInBothOrders(string sdk)
    {
        AssistantClient client = Sdk.Client(sdk).GetAssistantClient();
        List<string> ids = [];
        for (int number = 0; number < 5; number++) ids.Add((await client.CreateAssistantAsync(Sdk.Model)).Value.Id);

        async Task<List<string>> Listed(AssistantCollectionOptions options)
        {
            List<string> listed = [];
            await foreach (Assistant assistant in client.GetAssistantsAsync(options)) listed.Add(assistant.Id);
            return listed;
        }
        List<string> newestFirst = await Listed(new() { PageSizeLimit = 2, Order = AssistantCollectionOrder.Descending });
        Assert.Equal(Enumerable.Reverse(ids), newestFirst.Take(5));
        Assert.Equal(ids.Skip(2), await Listed(new() { PageSizeLimit = 2, Order = AssistantCollectionOrder.Ascending, AfterId = ids[1] }));
        Assert.Equal([ids[4], ids[3]], await Listed(new() { Order = AssistantCollectionOrder.Descending, BeforeId = ids[2] }));

        int pages = 0;
        await foreach (var page in client.GetAssistantsAsync(new AssistantCollectionOptions { PageSizeLimit = 2, AfterId = ids[0], Order = "asc" }).GetRawPagesAsync())
        {
            Assert.Equal(200, page.GetRawResponse().Status);
            pages++;
        }
        Assert.Equal(2, pages);
        foreach (string id in ids) await client.DeleteAssistantAsync(id);
    }
}

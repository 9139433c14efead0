using System.Text.Json;
using Azure.AI.OpenAI.Chat;
using OpenAI.Chat;
using Xunit;

namespace DotnetTests;

/// <summary>
/// The sources that the package can name whole. Its MongoDBChatDataSource has no database, which the service demands, and its RetrievedDocuments is one object
/// where the service answers with a list.
/// </summary>
public class ChatOnYourDataTests
{
    private const string Answer = "The warranty lasts two years [doc1].";

    private static readonly JsonElement Sources = JsonDocument.Parse(Environment.GetEnvironmentVariable("DATA_SOURCES")!).RootElement;

    [Theory]
    [InlineData("azure_search")]
    [InlineData("elasticsearch")]
    [InlineData("pinecone")]
    [InlineData("azure_cosmos_db")]
    public async Task AnAnswerComesWithCitationsAndIntentWholeAndStreamed(string type)
    {
        ChatClient client = Sdk.Azure().GetChatClient(Sdk.Model);
        ChatMessage[] messages = [new SystemChatMessage("Be kind."), new UserChatMessage($"How long does the warranty last? Answer '{Answer}'")];
        ChatCompletionOptions options = new();
        options.AddDataSource(SourceOf(type));
        ChatCompletion completion = await client.CompleteChatAsync(messages, options);
        Assert.Equal(Answer, completion.Content[0].Text);
        Check(completion.GetMessageContext());

        ChatCompletionOptions streamed = new();
        streamed.AddDataSource(SourceOf(type));
        string text = "";
        List<ChatMessageContext> contexts = [];
        await foreach (StreamingChatCompletionUpdate update in client.CompleteChatStreamingAsync(messages, streamed))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            if (update.GetMessageContext() is { } context) contexts.Add(context);
        }
        Assert.Equal(Answer, text);
        Check(Assert.Single(contexts));
    }

    private static void Check(ChatMessageContext context)
    {
        Assert.Contains("warranty", context.Intent);
        ChatCitation citation = Assert.Single(context.Citations, citation => citation.Title == "Warranty");
        Assert.Equal("https://docs.example.com/warranty", citation.Url);
        Assert.Equal("manual/warranty.md", citation.FilePath);
        Assert.NotEmpty(citation.Content);
    }

    private static ChatDataSource SourceOf(string type)
    {
        JsonElement parameters = Sources.EnumerateArray().Single(source => source.GetProperty("type").GetString() == type).GetProperty("parameters");
        string Text(string name) => parameters.GetProperty(name).GetString()!;
        string Secret(string name) => parameters.GetProperty("authentication").GetProperty(name).GetString()!;
        DataSourceFieldMappings fields = new()
        {
            ContentFieldNames = { "content" }, TitleFieldName = "title", UrlFieldName = "url", FilePathFieldName = "filepath",
        };
        DataSourceVectorizer vectorizer = DataSourceVectorizer.FromDeploymentName("embed");
        const DataSourceOutputContexts contexts = DataSourceOutputContexts.Citations | DataSourceOutputContexts.Intent;
        switch (type)
        {
            case "azure_search":
                fields.VectorFieldNames.Add("contentvector");
                return new AzureSearchChatDataSource
                {
                    Endpoint = new Uri(Text("endpoint")), IndexName = Text("index_name"), Authentication = DataSourceAuthentication.FromApiKey(Secret("key")),
                    QueryType = DataSourceQueryType.VectorSimpleHybrid, FieldMappings = fields, VectorizationSource = vectorizer, OutputContexts = contexts,
                    TopNDocuments = 3, Strictness = 1, InScope = true, MaxSearchQueries = 3, AllowPartialResults = true,
                };
            case "elasticsearch":
                return new ElasticsearchChatDataSource
                {
                    Endpoint = new Uri(Text("endpoint")), IndexName = Text("index_name"), QueryType = DataSourceQueryType.Simple, OutputContexts = contexts,
                    Authentication = DataSourceAuthentication.FromEncodedApiKey(Secret("encoded_api_key")),
                };
            case "pinecone":
                return new PineconeChatDataSource
                {
                    Environment = Text("environment"), IndexName = Text("index_name"), Authentication = DataSourceAuthentication.FromApiKey(Secret("key")),
                    FieldMappings = fields, VectorizationSource = vectorizer, OutputContexts = contexts, Strictness = 1,
                };
            default:
                fields.VectorFieldNames.Add("contentVector");
                return new CosmosChatDataSource
                {
                    ContainerName = Text("container_name"), DatabaseName = Text("database_name"), IndexName = Text("index_name"),
                    Authentication = DataSourceAuthentication.FromConnectionString(Secret("connection_string")),
                    FieldMappings = fields, VectorizationSource = vectorizer, OutputContexts = contexts, Strictness = 1,
                };
        }
    }
}

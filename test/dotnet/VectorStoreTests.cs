using System.ClientModel;
using System.Text.Json;
using OpenAI;
using OpenAI.Files;
using OpenAI.VectorStores;
using Xunit;

namespace DotnetTests;

public class VectorStoreTests
{
    [Theory, ClassData(typeof(EachSdk))]
    public async Task AStoreIsFilledAndChangedAndDeleted(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        VectorStoreClient client = openAI.GetVectorStoreClient();
        OpenAIFile file = await Upload(openAI, "otter.txt");
        VectorStore created = await client.CreateVectorStoreAsync(new VectorStoreCreationOptions
        {
            Name = "Animals",
            FileIds = { file.Id },
            ChunkingStrategy = FileChunkingStrategy.CreateStaticStrategy(300, 100),
            ExpirationPolicy = new VectorStoreExpirationPolicy(VectorStoreExpirationAnchor.LastActiveAt, 3),
            Metadata = { ["topic"] = "animals" },
        });
        VectorStore filled = await Sdk.Until(async () => (await client.GetVectorStoreAsync(created.Id)).Value, store => store.Status == VectorStoreStatus.Completed);
        Assert.Equal(("Animals", "animals", 1), (filled.Name, filled.Metadata["topic"], filled.FileCounts.Completed));
        Assert.True(filled.UsageBytes > 0);
        Assert.Equal((VectorStoreExpirationAnchor.LastActiveAt, 3), (filled.ExpirationPolicy.Anchor, filled.ExpirationPolicy.Days));
        Assert.NotNull(filled.ExpiresAt);
        Assert.NotNull(filled.LastActiveAt);
        VectorStoreFile association = await client.GetVectorStoreFileAsync(created.Id, file.Id);
        StaticFileChunkingStrategy chunking = Assert.IsType<StaticFileChunkingStrategy>(association.ChunkingStrategy);
        Assert.Equal((300, 100), (chunking.MaxTokensPerChunk, chunking.OverlappingTokenCount));
        Assert.Null(association.LastError);

        VectorStore modified = await client.ModifyVectorStoreAsync(created.Id, new VectorStoreModificationOptions
        {
            Name = "Beasts",
            ExpirationPolicy = new VectorStoreExpirationPolicy(VectorStoreExpirationAnchor.LastActiveAt, 5),
            Metadata = { ["topic"] = "beasts" },
        });
        Assert.Equal(("Beasts", 5, "beasts"), (modified.Name, modified.ExpirationPolicy.Days, modified.Metadata["topic"]));

        FileFromStoreRemovalResult removal = await client.RemoveFileFromVectorStoreAsync(created.Id, file.Id);
        Assert.Equal((file.Id, true), (removal.FileId, removal.Removed));
        VectorStoreDeletionResult deletion = await client.DeleteVectorStoreAsync(created.Id);
        Assert.Equal((created.Id, true), (deletion.VectorStoreId, deletion.Deleted));
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ABatchIsIngestedAndItsFilesAreListedByStatus(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        VectorStoreClient client = openAI.GetVectorStoreClient();
        VectorStore store = await client.CreateVectorStoreAsync();
        List<string> good = [];
        for (int number = 0; number < 3; number++) good.Add((await Upload(openAI, $"otter-{number}.txt")).Id);
        OpenAIFile bad = await openAI.GetOpenAIFileClient().UploadFileAsync(BinaryData.FromBytes(new byte[] { 0, 1, 2, 0xff }), "broken.pdf", FileUploadPurpose.Assistants);
        VectorStoreFileBatch batch = await client.AddFileBatchToVectorStoreAsync(store.Id, [.. good, bad.Id]);
        Assert.Equal(store.Id, batch.VectorStoreId);
        VectorStoreFileBatch done = await Sdk.Until(
            async () => (await client.GetVectorStoreFileBatchAsync(store.Id, batch.BatchId)).Value,
            answer => answer.Status != VectorStoreFileBatchStatus.InProgress);
        Assert.Equal((3, 1, 4), (done.FileCounts.Completed, done.FileCounts.Failed, done.FileCounts.Total));

        async Task<List<VectorStoreFile>> Listed(VectorStoreFileCollectionOptions options, bool ofBatch)
        {
            List<VectorStoreFile> listed = [];
            var files = ofBatch ? client.GetVectorStoreFilesInBatchAsync(store.Id, batch.BatchId, options) : client.GetVectorStoreFilesAsync(store.Id, options);
            await foreach (VectorStoreFile file in files) listed.Add(file);
            return listed;
        }
        foreach (bool ofBatch in new[] { false, true })
        {
            List<VectorStoreFile> completed = await Listed(new() { PageSizeLimit = 2, Filter = VectorStoreFileStatusFilter.Completed, Order = "asc" }, ofBatch);
            Assert.Equal(good.Order(), completed.Select(file => file.FileId).Order());
            Assert.All(completed, file => Assert.Equal(VectorStoreFileStatus.Completed, file.Status));
            VectorStoreFile failed = Assert.Single(await Listed(new() { Filter = VectorStoreFileStatusFilter.Failed }, ofBatch));
            Assert.Equal(bad.Id, failed.FileId);
            Assert.NotEmpty(failed.LastError.Message);
            Assert.Empty(await Listed(new() { Filter = VectorStoreFileStatusFilter.Cancelled }, ofBatch));
            List<VectorStoreFile> all = await Listed(new() { PageSizeLimit = 1, Order = "desc" }, ofBatch);
            Assert.Equal(4, all.Count);
            Assert.Equal(all.Skip(2).Select(file => file.FileId), (await Listed(new() { AfterId = all[1].FileId, Order = "desc" }, ofBatch)).Select(file => file.FileId));
        }
        await client.DeleteVectorStoreAsync(store.Id);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AFilesAttributesAreChangedAndItsContentIsRead(string sdk)
    {
        OpenAIClient openAI = Sdk.Client(sdk);
        VectorStoreClient client = openAI.GetVectorStoreClient();
        VectorStore store = await client.CreateVectorStoreAsync(new VectorStoreCreationOptions { Name = "One" });
        OpenAIFile file = await Upload(openAI, "otter.txt");
        VectorStoreFile added = await client.AddFileToVectorStoreAsync(store.Id, file.Id);
        Assert.Equal((file.Id, store.Id), (added.FileId, added.VectorStoreId));
        await Sdk.Until(async () => (await client.GetVectorStoreFileAsync(store.Id, file.Id)).Value, one => one.Status == VectorStoreFileStatus.Completed);
        VectorStoreFile changed = await client.UpdateVectorStoreFileAttributesAsync(store.Id, file.Id, new Dictionary<string, BinaryData>
        {
            ["kind"] = BinaryData.FromObjectAsJson("mammal"),
            ["legs"] = BinaryData.FromObjectAsJson(4),
            ["wild"] = BinaryData.FromObjectAsJson(true),
        });
        Assert.Equal(("mammal", 4, true), (changed.Attributes["kind"].ToObjectFromJson<string>(), changed.Attributes["legs"].ToObjectFromJson<int>(), changed.Attributes["wild"].ToObjectFromJson<bool>()));
        ClientResult content = await client.RetrieveVectorStoreFileContentAsync(store.Id, file.Id, null);
        Assert.Contains("otter", content.GetRawResponse().Content.ToString());

        ClientResult found = await client.SearchVectorStoreAsync(store.Id, BinaryContent.Create(BinaryData.FromString("""{"query":"Where does the otter sleep?","max_num_results":1}""")), null);
        using JsonDocument results = JsonDocument.Parse(found.GetRawResponse().Content);
        Assert.Equal(file.Id, results.RootElement.GetProperty("data")[0].GetProperty("file_id").GetString());
        await client.DeleteVectorStoreAsync(store.Id);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task StoresAreListedPageByPageInBothOrders(string sdk)
    {
        VectorStoreClient client = Sdk.Client(sdk).GetVectorStoreClient();
        List<string> ids = [];
        for (int number = 0; number < 5; number++) ids.Add((await client.CreateVectorStoreAsync(new VectorStoreCreationOptions { Name = $"{number}" })).Value.Id);
        async Task<List<string>> Listed(VectorStoreCollectionOptions options)
        {
            List<string> listed = [];
            await foreach (VectorStore store in client.GetVectorStoresAsync(options)) listed.Add(store.Id);
            return listed;
        }
        Assert.Equal(Enumerable.Reverse(ids), (await Listed(new() { PageSizeLimit = 2 })).Take(5));
        Assert.Equal(ids.Skip(1), await Listed(new() { PageSizeLimit = 3, Order = "asc", AfterId = ids[0] }));
        Assert.Equal([ids[4], ids[3]], await Listed(new() { Order = "desc", BeforeId = ids[2] }));
        foreach (string id in ids) await client.DeleteVectorStoreAsync(id);
    }

    private static async Task<OpenAIFile> Upload(OpenAIClient openAI, string name) =>
        await openAI.GetOpenAIFileClient().UploadFileAsync(
            BinaryData.FromString($"The otter of {name} sleeps on the water and eats fish."), name, FileUploadPurpose.Assistants);
}

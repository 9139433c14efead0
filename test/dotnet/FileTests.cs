using System.ClientModel;
using System.Text;
using OpenAI.Files;
using Xunit;

namespace DotnetTests;

public class FileTests
{
    [Theory, ClassData(typeof(EachSdk))]
    public async Task AFileComesBackByteForByteAndIsDeleted(string sdk)
    {
        OpenAIFileClient client = Sdk.Client(sdk).GetOpenAIFileClient();
        byte[] bytes = Encoding.UTF8.GetBytes("Zeile eins — ünïcode\r\nline two\n");
        OpenAIFile uploaded = await client.UploadFileAsync(new MemoryStream(bytes), "Übersicht 1.txt", FileUploadPurpose.Assistants);
        Assert.Equal("Übersicht 1.txt", uploaded.Filename);
        OpenAIFile read = await client.GetFileAsync(uploaded.Id);
        Assert.Equal(("Übersicht 1.txt", FilePurpose.Assistants, bytes.Length), (read.Filename, read.Purpose, read.SizeInBytes));
#pragma warning disable CS0618 // The field is deprecated and yet what older code looks at.
        Assert.Equal(FileStatus.Processed, read.Status);
#pragma warning restore CS0618
        BinaryData content = await client.DownloadFileAsync(uploaded.Id);
        Assert.Equal(bytes, content.ToArray());
        FileDeletionResult deletion = await client.DeleteFileAsync(uploaded.Id);
        Assert.Equal((uploaded.Id, true), (deletion.FileId, deletion.Deleted));
        ClientResultException gone = await Assert.ThrowsAsync<ClientResultException>(() => client.GetFileAsync(uploaded.Id));
        Assert.Equal(404, gone.Status);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task AFileIsUploadedFromAPathAndListedByItsPurpose(string sdk)
    {
        OpenAIFileClient client = Sdk.Client(sdk).GetOpenAIFileClient();
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.jsonl");
        await File.WriteAllTextAsync(path, """{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"}]}""");
        OpenAIFile tuning = await client.UploadFileAsync(path, FileUploadPurpose.FineTune);
        File.Delete(path);
        Assert.Equal(Path.GetFileName(path), tuning.Filename);
        OpenAIFile notes = await client.UploadFileAsync(BinaryData.FromString("Notes."), "notes.md", FileUploadPurpose.Assistants);
        // Azure's client 2.9.0-beta.1 asks for its list at /files, where Azure has none either.
        if (sdk == "OpenAI")
        {
            OpenAIFileCollection all = await client.GetFilesAsync();
            Assert.Superset(new HashSet<string> { tuning.Id, notes.Id }, all.Select(file => file.Id).ToHashSet());
            OpenAIFileCollection some = await client.GetFilesAsync(FilePurpose.FineTune);
            Assert.Contains(some, file => file.Id == tuning.Id);
            Assert.All(some, file => Assert.Equal(FilePurpose.FineTune, file.Purpose));
        }
        await client.DeleteFileAsync(tuning.Id);
        await client.DeleteFileAsync(notes.Id);
    }

    [Theory]
    [InlineData("user_data")]
    [InlineData("vision")]
    [InlineData("batch")]
    [InlineData("evals")]
    public async Task EveryPurposeIsTaken(string purpose)
    {
        OpenAIFileClient client = Sdk.OpenAI().GetOpenAIFileClient();
        string name = purpose switch { "vision" => "a.png", "user_data" => "a.txt", _ => "a.jsonl" };
        OpenAIFile file = await client.UploadFileAsync(BinaryData.FromString("""{"a":1}"""), name, new FileUploadPurpose(purpose));
        Assert.NotNull(file.Id);
        await client.DeleteFileAsync(file.Id);
    }
}

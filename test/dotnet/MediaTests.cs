using OpenAI;
using OpenAI.Audio;
using OpenAI.Embeddings;
using OpenAI.Images;
using OpenAI.Models;
using Xunit;

namespace DotnetTests;

/// <summary>Embeddings, audio, images and models.</summary>
public class MediaTests
{
    private static Stream Bytes() => new MemoryStream(new byte[3000]);

    [Theory, ClassData(typeof(EachSdk))]
    public async Task SeveralInputsAreEmbedded(string sdk)
    {
        EmbeddingClient client = Sdk.Client(sdk).GetEmbeddingClient("embed");
        OpenAIEmbeddingCollection several = await client.GenerateEmbeddingsAsync(["otter", "seal"], new EmbeddingGenerationOptions { EndUserId = "user" });
        Assert.Equal([0, 1], several.Select(embedding => embedding.Index));
        OpenAIEmbedding one = await client.GenerateEmbeddingAsync("otter");
        Assert.Equal(one.ToFloats().ToArray(), several[0].ToFloats().ToArray());
        Assert.Contains(one.ToFloats().ToArray(), value => value != 0);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task SpeechIsTranscribedTranslatedAndSpoken(string sdk)
    {
        OpenAIClient client = Sdk.Client(sdk);
        AudioClient ears = client.GetAudioClient("ears");
        AudioTranscription transcription = await ears.TranscribeAudioAsync(Bytes(), "speech.wav", new AudioTranscriptionOptions
        {
            ResponseFormat = AudioTranscriptionFormat.Verbose, TimestampGranularities = AudioTimestampGranularities.Word | AudioTimestampGranularities.Segment,
        });
        Assert.Equal("Plain words.", transcription.Text);
        Assert.Equal(TimeSpan.FromSeconds(3.5), transcription.Duration);
        Assert.Equal(["Plain", "words"], transcription.Words.Select(word => word.Word));
        Assert.Single(transcription.Segments);
        AudioTranscription subtitles = await ears.TranscribeAudioAsync(Bytes(), "speech.wav", new AudioTranscriptionOptions { ResponseFormat = AudioTranscriptionFormat.Srt });
        Assert.Equal("Plain words.", subtitles.Text);
        AudioTranslation translation = await ears.TranslateAudioAsync(Bytes(), "speech.wav");
        Assert.Equal("Plain words.", translation.Text);
        BinaryData speech = await client.GetAudioClient("voice").GenerateSpeechAsync("Hello", GeneratedSpeechVoice.Alloy);
        Assert.Equal(300_000, speech.ToMemory().Length);
    }

    [Theory, ClassData(typeof(EachSdk))]
    public async Task ImagesAreMadeEditedAndVaried(string sdk)
    {
        ImageClient client = Sdk.Client(sdk).GetImageClient("painter");
        GeneratedImage made = await client.GenerateImageAsync("An otter", new ImageGenerationOptions { Quality = GeneratedImageQuality.High });
        GeneratedImage edited = await client.GenerateImageEditAsync(Bytes(), "otter.png", "A hat", Bytes(), "mask.png");
        GeneratedImage varied = await client.GenerateImageVariationAsync(Bytes(), "otter.png");
        foreach (GeneratedImage image in new[] { made, edited, varied }) Assert.Equal("picture", image.ImageBytes.ToString());
    }

    [Fact]
    public async Task ModelsAreListedAndContentIsClassified()
    {
        OpenAIClient client = Sdk.OpenAI();
        OpenAIModelCollection models = await client.GetOpenAIModelClient().GetModelsAsync();
        Assert.Contains("ears", models.Select(model => model.Id));
        OpenAIModel model = await client.GetOpenAIModelClient().GetModelAsync("ears");
        Assert.NotEmpty(model.OwnedBy);
        OpenAI.Moderations.ModerationResult result = await client.GetModerationClient("moderator").ClassifyTextAsync("Otters are kind.");
        Assert.False(result.Flagged);
    }
}

using System.ClientModel;
using Azure.AI.OpenAI;
using OpenAI;

// The host keeps one tenant's objects for all tests: lists are counted by one test at a time.
[assembly: Xunit.CollectionBehavior(DisableTestParallelization = true)]

namespace DotnetTests;

/// <summary>The clients of both SDKs, as a user makes them: with an endpoint and a key, nothing else.</summary>
public static class Sdk
{
    /// <summary>The host's address, such as http://127.0.0.1:7071.</summary>
    public static readonly Uri Host = new(Required("HOST_URL"));

    public static readonly ApiKeyCredential Key = new(Required("HOST_KEY"));

    /// <summary>A model's name, or deployment's: the upstream takes any.</summary>
    public const string Model = "gpt-4o";

    /// <summary>The client of the OpenAI package.</summary>
    public static OpenAIClient OpenAI(ApiKeyCredential? key = null, Action<OpenAIClientOptions>? configure = null)
    {
        OpenAIClientOptions options = new() { Endpoint = new Uri(Host, "v1") };
        configure?.Invoke(options);
        return new OpenAIClient(key ?? Key, options);
    }

    /// <summary>The client of the Azure.AI.OpenAI package, with its default version of the service unless one is given.</summary>
    public static AzureOpenAIClient Azure(AzureOpenAIClientOptions.ServiceVersion? version = null) =>
        new(Host, Key, version is { } given ? new AzureOpenAIClientOptions(given) : new AzureOpenAIClientOptions());

    /// <summary>The client of that name, "OpenAI" or "Azure", for theories that hold for both.</summary>
    public static OpenAIClient Client(string sdk) => sdk == "Azure" ? Azure() : OpenAI();

    /// <summary>Asks every 50 ms until the answer is as wanted; fails after 30 seconds with what came last.</summary>
    public static async Task<T> Until<T>(Func<Task<T>> ask, Func<T, bool> wanted)
    {
        DateTime end = DateTime.UtcNow.AddSeconds(30);
        for (;;)
        {
            T answer = await ask();
            if (wanted(answer)) return answer;
            if (DateTime.UtcNow > end) throw new TimeoutException($"Still: {System.Text.Json.JsonSerializer.Serialize(answer)}");
            await Task.Delay(50);
        }
    }

    private static string Required(string name) =>
        Environment.GetEnvironmentVariable(name)
        ?? throw new InvalidOperationException($"{name} is not set: start these tests with 'npm run test:dotnet'.");
}

/// <summary>The names that <see cref="Sdk.Client"/> takes, for tests that hold for both SDKs.</summary>
public class EachSdk : Xunit.TheoryData<string>
{
    public EachSdk()
    {
        Add("OpenAI");
        Add("Azure");
    }
}

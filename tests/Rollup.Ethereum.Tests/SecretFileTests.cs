using System.Text;

namespace Rollup.Ethereum.Tests;

public sealed class SecretFileTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("secret-test-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void What_is_written_is_read_and_nobody_else_may()
    {
        string path = PathOf("secret");
        SecretFile.Create(path, "one two"u8);
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal("one two", SecretFile.Read(path, 7, bytes => Encoding.ASCII.GetString(bytes)));
        Assert.Throws<IOException>(() => SecretFile.Create(path, "three"u8));
        Assert.Contains("more than 6 bytes", Refusal(path, 6), StringComparison.Ordinal);
        Assert.Contains($"{PathOf("none")} cannot be read", Refusal(PathOf("none"), 6), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Refusal(folder, 6), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.GroupWrite)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public void A_file_on_which_others_have_rights_is_refused(UnixFileMode right)
    {
        if (OperatingSystem.IsWindows()) return;
        string path = PathOf("secret");
        SecretFile.Create(path, "four"u8);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | right);
        Assert.EndsWith($"run chmod 600 {path}", Refusal(path, 10), StringComparison.Ordinal);
        // A link's own mode says nothing.
        File.CreateSymbolicLink(PathOf("link"), path);
        Assert.Contains("chmod 600", Refusal(PathOf("link"), 10), StringComparison.Ordinal);
        File.SetUnixFileMode(path, UnixFileMode.UserRead);
        Assert.Equal(4, SecretFile.Read(PathOf("link"), 10, bytes => bytes.Length));
    }

    [Theory]
    [InlineData("päss word \n", "päss word ")]
    [InlineData("two\nlines\r\n\n", "two\nlines")]
    [InlineData("", "")]
    public void A_password_ends_before_the_line_end(string text, string password)
    {
        SecretFile.Create(PathOf("password"), Encoding.UTF8.GetBytes(text));
        Assert.Equal(password, KeystorePassword.FromFile(PathOf("password")));
    }

    [Fact]
    public void A_password_that_is_no_text_or_too_long_is_refused()
    {
        SecretFile.Create(PathOf("bytes"), [0x73, 0x65, 0xC3, 0x28]);
        Assert.Equal($"{PathOf("bytes")} is not UTF-8 text", Assert.Throws<SecretFileException>(() => KeystorePassword.FromFile(PathOf("bytes"))).Message);
        SecretFile.Create(PathOf("long"), new byte[4097]);
        Assert.Contains("4096", Assert.Throws<SecretFileException>(() => KeystorePassword.FromFile(PathOf("long"))).Message, StringComparison.Ordinal);
    }

    private string PathOf(string name) => Path.Combine(folder, name);

    private static string Refusal(string path, int maxBytes) => Assert.Throws<SecretFileException>(() => SecretFile.Read<int>(path, maxBytes, _ => throw new InvalidOperationException("It was parsed."))).Message;
}

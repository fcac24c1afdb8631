using Rollup.Crypto;
using Rollup.Protocol;

namespace Rollup.Ethereum.Tests;

public class AddressTests
{
    private const string Text = "0x00112233445566778899aabbccddeeff01234567";

    [Fact]
    public void Bytes_and_text_round_trip()
    {
        var address = Address.Parse(Text);
        Assert.Equal(Text, address.ToString());
        Assert.Equal(Convert.FromHexString(Text[2..]), address.ToBytes());
        Assert.Equal(address, Address.FromBytes(address.ToBytes()));
        Assert.Equal(address, Address.Parse("0x" + Text[2..].ToUpperInvariant()));
        Assert.False(address.IsZero);
        Assert.True(default(Address).IsZero);
    }

    [Theory]
    [InlineData("00112233445566778899aabbccddeeff0123456789")] // no prefix, length of one with it
    [InlineData("0x00112233445566778899aabbccddeeff0123456")]
    [InlineData("0x00112233445566778899aabbccddeeff012345678")]
    [InlineData("0x00112233445566778899aabbccddeeff0123456g")]
    [InlineData("0X00112233445566778899aabbccddeeff01234567")]
    [InlineData("")]
    public void Other_text_is_refused(string text)
    {
        Assert.False(Address.TryParse(text, out _));
        Assert.Throws<FormatException>(() => Address.Parse(text));
    }

    [Fact]
    public void Order_is_that_of_the_number()
    {
        var small = Address.Parse("0x00000000000000000000000000000000000000ff");
        var carry = Address.Parse("0x0000000000000000000000000000000100000000");
        var large = Address.Parse("0x8000000000000000000000000000000000000000");
        Assert.True(small < carry && carry < large && large >= carry);
        Assert.NotEqual(small, carry);
    }

    [Fact]
    public void Twenty_bytes_are_needed() => Assert.Throws<ArgumentException>(() => Address.FromBytes(new byte[21]));

    // Well-known values: the empty hash, and the selector of ERC-20 transfer.
    [Fact]
    public void Keccak_is_ethereums()
    {
        Assert.Equal("C5D2460186F7233C927E7DB2DCC703C0E500B653CA82273B7BFAD8045D85A470", Convert.ToHexString(Keccak.Hash256([])));
        Assert.Equal("A9059CBB", Convert.ToHexString(Keccak.Hash256("transfer(address,uint256)"u8)[..4]));
    }
}

namespace Rollup.Ethereum;

/// <summary>ERC-20, and what the test token (contracts/src/dev/TestToken.sol) has besides. A test compares it with that contract.</summary>
public static class TokenAbi
{
    /// <summary>Of the test token: name, symbol, decimals.</summary>
    public static readonly AbiFunction Constructor = AbiFunction.Parse("constructor(string name,string symbol,uint8 decimals)");

    /// <summary>Of the test token.</summary>
    public static readonly AbiFunction Mint = AbiFunction.Parse("mint(address to,uint256 amount)");

    public static readonly AbiFunction Approve = AbiFunction.Parse("approve(address spender,uint256 value)(bool)");
    public static readonly AbiFunction Allowance = AbiFunction.Parse("allowance(address owner,address spender)(uint256)");
    public static readonly AbiFunction BalanceOf = AbiFunction.Parse("balanceOf(address account)(uint256)");

    /// <summary>ERC-6093, as OpenZeppelin's tokens revert.</summary>
    public static readonly IReadOnlyList<AbiFunction> Errors =
    [
        AbiFunction.Parse("ERC20InsufficientBalance(address sender,uint256 balance,uint256 needed)"),
        AbiFunction.Parse("ERC20InsufficientAllowance(address spender,uint256 allowance,uint256 needed)"),
        AbiFunction.Parse("ERC20InvalidSender(address sender)"),
        AbiFunction.Parse("ERC20InvalidReceiver(address receiver)"),
        AbiFunction.Parse("ERC20InvalidApprover(address approver)"),
        AbiFunction.Parse("ERC20InvalidSpender(address spender)"),
    ];
}

using System.Net;
using System.Text.Json;
using Rollup.Api;
using Rollup.Client.Sequencer;
using Rollup.Sequencer.Configuration;
using Rollup.Sequencer.Web;

namespace Rollup.Sequencer.Tests;

public sealed class LimitTests
{
    [Fact]
    public async Task An_address_that_asks_too_often_is_refused_for_a_while()
    {
        await using HostHarness host = await HostHarness.StartAsync(new LimitConfig(RequestsPerSecond: 10, Burst: 20));
        HttpResponseMessage[] answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => host.Http.GetAsync("v1/info")));
        HttpResponseMessage refused = answers.First(a => a.StatusCode == HttpStatusCode.TooManyRequests);
        Assert.Equal((int)HostCode.RateLimited, JsonSerializer.Deserialize(await refused.Content.ReadAsByteArrayAsync(), ApiJson.Default.ApiError)!.Code);
        Assert.InRange(answers.Count(a => a.IsSuccessStatusCode), 20, 59);
        await HostHarness.UntilAsync(async () => (await host.Http.GetAsync("v1/info")).IsSuccessStatusCode);
    }

    [Fact]
    public async Task An_account_that_asks_too_often_is_refused_and_others_are_not()
    {
        await using HostHarness host = await HostHarness.StartAsync(new LimitConfig(AccountRequestsPerSecond: 1));
        var busy = new Trader(2);
        var calm = new Trader(3);
        await host.RegisterAsync(1_000_000_000_000, busy, calm);
        OrderMessage[] orders = [.. Enumerable.Range(0, 8).Select(i => busy.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice, slot: (byte)i))];
        // A stranger's requests with bad signatures do not spend the account's budget.
        foreach (OrderMessage order in orders) await Assert.ThrowsAsync<RefusedException>(() => host.Client.PlaceAsync(order with { Signature = default }));
        int[] codes = await Task.WhenAll(orders.Select(async order =>
        {
            try
            {
                await host.Client.PlaceAsync(order);
                return 0;
            }
            catch (RefusedException refusal)
            {
                return refusal.Error.Code;
            }
        }));
        Assert.InRange(codes.Count(c => c == 0), 2, 4);
        Assert.Equal((int)HostCode.RateLimited, codes.Max());
        Assert.Equal(RequestStatus.Resting, (await host.Client.PlaceAsync(calm.Order(TestConfig.Btc, Side.Buy, 1, TestConfig.BtcPrice))).Status);
    }

    [Fact]
    public void A_bucket_allows_its_burst_and_then_its_rate()
    {
        var clock = new SteppedClock();
        var bucket = new TokenBucket(perSecond: 10, burst: 3, clock);
        Assert.Equal([true, true, true, false], new[] { bucket.TryTake(), bucket.TryTake(), bucket.TryTake(), bucket.TryTake() });
        clock.Ticks += TimeSpan.FromMilliseconds(110).Ticks;
        Assert.Equal([true, false], new[] { bucket.TryTake(), bucket.TryTake() });
    }

    private sealed class SteppedClock : TimeProvider
    {
        internal long Ticks { get; set; }
        public override long GetTimestamp() => Ticks;
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    }
}

import pytest

from infra.ids import SnowflakeIds
from infra.messaging.lease import NodeLease, NoNodeNumber
from tests.integration.conftest import until


def holds(lease: NodeLease) -> bool:
    try:
        return lease.node >= 0
    except NoNodeNumber:
        return False


async def test_no_two_processes_hold_one_number(bench):
    nc = await bench.connect()
    leases = [NodeLease(nc) for _ in range(5)]
    assert len({await lease.acquire() for lease in leases}) == 5
    for lease in leases:
        await lease.release()
    await nc.close()


async def test_a_released_number_is_free_at_once_and_no_longer_given_out(bench):
    nc = await bench.connect()
    first, second = NodeLease(nc), NodeLease(nc)
    assert await first.acquire() == 1
    await first.release()
    assert await second.acquire() == 1
    with pytest.raises(NoNodeNumber):
        _ = first.node
    await second.release()
    await nc.close()


async def test_a_number_is_renewed_beyond_its_time(bench):
    nc = await bench.connect()
    held, other = NodeLease(nc, ttl=0.5), NodeLease(nc, ttl=0.5)
    number = await held.acquire()
    revision = held._revision
    await until(lambda: held._revision > revision + 4)
    assert held.node == number
    assert await other.acquire() != number
    await held.release()
    await other.release()
    await nc.close()


async def test_a_number_that_could_not_be_renewed_gives_no_more_ids(bench):
    nc = await bench.connect()
    lease = NodeLease(nc, ttl=0.5)
    await lease.acquire()
    ids = SnowflakeIds(lambda: lease.node)
    assert ids.new()
    await nc.close()
    await until(lambda: not holds(lease))
    with pytest.raises(NoNodeNumber, match="away for too long"):
        ids.new()
    await lease.release()


async def test_a_number_that_was_taken_meanwhile_is_left_for_another(bench):
    nc = await bench.connect()
    lease = NodeLease(nc, ttl=0.6)
    number = await lease.acquire()
    bucket = await nc.jetstream().key_value("NODES")
    await bucket.put(str(number), b"somebody else")
    await until(lambda: holds(lease) and lease.node != number)
    assert lease.node != number
    await lease.release()
    await nc.close()

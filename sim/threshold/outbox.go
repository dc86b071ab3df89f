package threshold

import (
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// Due is a notice that an account is due, on its way from an outbox to the
// account. Delivery is at least once, so whoever gets it must know a Claim that
// it has seen: one for each account, period and threshold.
type Due struct {
	Claim
	At    int64  // when the threshold was reached, as the engine saw it
	Usage int64  // units that reached it
	Limit int64  // that it is a share of
	By    string // what found it: add, limit or sweep
	ID    string // of the outbox's entry
}

// Outboxes says where counters and outboxes are in Redis. Accounts are spread
// over a fixed number of partitions by a hash of their id; a partition's keys
// all have its number for a hash tag, so that they share a slot and one script
// may write them together, and a Deliverer knows every outbox without looking
// for them with SCAN.
//
// The price: the accounts of a partition live on one shard, so shards share
// the load only as evenly as partitions do, and another number of partitions
// means other keys: change it only when nothing is under way.
type Outboxes struct {
	Prefix     string // of every key; "": quota
	Partitions int    // 0: 64
}

func (o Outboxes) withDefaults() (Outboxes, error) {
	if o.Partitions < 0 {
		return o, fmt.Errorf("outboxes: expected at least 1 partition, found %d", o.Partitions)
	}
	if o.Prefix == "" {
		o.Prefix = "quota"
	}
	if o.Partitions == 0 {
		o.Partitions = 64
	}
	return o, nil
}

// partition of an account, by the finalizer of SplitMix64, which leaves no
// pattern of the ids.
func (o Outboxes) partition(account int64) int {
	z := uint64(account) + 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(o.Partitions))
}

// tag begins all keys of a partition.
func (o Outboxes) tag(partition int) string {
	return o.Prefix + ":{" + strconv.Itoa(partition) + "}:"
}

// Stream is the key of a partition's outbox.
func (o Outboxes) Stream(partition int) string { return o.tag(partition) + "outbox" }

// limits is the key of the limits that were announced to a partition.
func (o Outboxes) limits(partition int) string { return o.tag(partition) + "limits" }

// decodeDue reads an entry of an outbox.
func decodeDue(stream string, m redis.XMessage) (Due, error) {
	d := Due{ID: m.ID}
	for _, f := range []struct {
		name string
		to   *int64
	}{{"account", &d.Account}, {"start", &d.Period}, {"threshold", &d.Threshold}, {"at", &d.At}, {"usage", &d.Usage}, {"limit", &d.Limit}} {
		text, ok := m.Values[f.name].(string)
		if !ok {
			return d, fmt.Errorf("outbox %s: entry %s: expected the field %q, found none; nobody can deliver it, remove it with XDEL", stream, m.ID, f.name)
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return d, fmt.Errorf("outbox %s: entry %s: %s: %w; nobody can deliver it, remove it with XDEL", stream, m.ID, f.name, err)
		}
		*f.to = n
	}
	d.By, _ = m.Values["by"].(string)
	return d, nil
}

package audit

// ReplaySequence is Replay without a record on disk, for tests with many
// small ones.
var ReplaySequence = replay

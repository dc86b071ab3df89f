package audit

// ReplaySequence and ReplayReal are Replay without a record on disk, for tests
// with many small ones. The second takes observations in the order of sending.
var (
	ReplaySequence = replay
	ReplayReal     = replayReal
)

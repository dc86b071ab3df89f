package quotaaudit_test

import "flag"

// Property tests draw the same cases in every run, so that what passed once
// passes again; -rapid.seed=N on the command line draws others.
var _ = flag.Set("rapid.seed", "1")

package run

import (
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestVersions(t *testing.T) {
	redis := &debug.Module{Path: "github.com/redis/go-redis/v9", Version: "v9.23.0"}
	revision := []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}
	tests := []struct {
		why  string
		info debug.BuildInfo
		want map[string]string
	}{
		{"quotalab's own binary, from a checkout with changes",
			debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: quotalabModule, Version: "(devel)"}, Deps: []*debug.Module{redis}, Settings: revision},
			map[string]string{"go": "go1.26.8", "quotalab": "(devel)", "go-redis": "v9.23.0", "revision": "abc modified"}},
		{"a binary of one's own: the revision is not quotalab's",
			debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: "example.com/own"}, Deps: []*debug.Module{{Path: quotalabModule, Version: "v1.2.3"}}, Settings: revision},
			map[string]string{"go": "go1.26.8", "quotalab": "v1.2.3"}},
		{"a changed module says so, and others do not count",
			debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Path: quotalabModule}, Deps: []*debug.Module{
				{Path: "github.com/letsencrypt/boulder", Version: "v0.1.0", Replace: &debug.Module{Path: "../boulder"}}, {Path: "gonum.org/v1/gonum", Version: "v1"}}},
			map[string]string{"go": "go1.26.8", "quotalab": "", "boulder": "v0.1.0 replaced by ../boulder"}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, versions(&tt.info)); diff != "" {
			t.Errorf("%s (−want +got):\n%s", tt.why, diff)
		}
	}
}

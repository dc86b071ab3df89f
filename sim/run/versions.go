package run

import (
	"runtime/debug"
	"strings"
)

// quotalabModule is where quotalab itself comes from: the main module, or a
// dependency of a binary of one's own.
const quotalabModule = "github.com/quotalab/quotalab"

// modulesUnderTest are told by their short names in the manifest of a run.
var modulesUnderTest = map[string]string{
	quotalabModule:                       "quotalab",
	"github.com/letsencrypt/boulder":     "boulder",
	"github.com/redis/go-redis/v9":       "go-redis",
	"github.com/go-redis/redis_rate/v10": "redis_rate",
	"github.com/throttled/throttled/v2":  "throttled",
	"github.com/ulule/limiter/v3":        "ulule",
}

// Versions returns the versions of what this binary was made of: Go, quotalab and
// the modules under test.
func Versions() map[string]string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return map[string]string{}
	}
	return versions(info)
}

// versions lists those of Go, of quotalab and of the modules under test.
func versions(info *debug.BuildInfo) map[string]string {
	out := map[string]string{"go": info.GoVersion}
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		name, wanted := modulesUnderTest[m.Path]
		if !wanted {
			continue
		}
		out[name] = m.Version
		if m.Replace != nil {
			out[name] += " replaced by " + strings.TrimSpace(m.Replace.Path+" "+m.Replace.Version)
		}
	}
	if revision := setting(info, "vcs.revision"); revision != "" && info.Main.Path == quotalabModule {
		out["revision"] = revision
		if setting(info, "vcs.modified") == "true" {
			out["revision"] += " modified"
		}
	}
	return out
}

func setting(info *debug.BuildInfo, key string) string {
	for _, s := range info.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

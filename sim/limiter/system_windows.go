package limiter

func ofSystem() Kinds { return nil }

// Missing returns what this build leaves out and why; "" if nothing.
func Missing() string {
	return "boulder is not there on Windows: its log package needs syslog"
}

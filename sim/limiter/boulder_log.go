package limiter

// noLog is a logger as Boulder wants it, for what it says of its overrides.
// Boulder's own for tests starts a goroutine that nothing ends.
type noLog struct{}

func (noLog) Err(string)                             {}
func (noLog) Errf(string, ...any)                    {}
func (noLog) Warning(string)                         {}
func (noLog) Warningf(string, ...any)                {}
func (noLog) Info(string)                            {}
func (noLog) Infof(string, ...any)                   {}
func (noLog) InfoObject(string, any)                 {}
func (noLog) Debug(string)                           {}
func (noLog) Debugf(string, ...any)                  {}
func (noLog) AuditInfo(string, any)                  {}
func (noLog) AuditErr(string, error, map[string]any) {}

package fault

import "errors"

// others is why a server that the run did not start is left alone.
const others = "the server was there before the run and may have other users: have servers spawned"

// Restart is momentary: the shard loses its data and scripts, and nothing
// under way.
const Restart Kind = "restart"

var restart = Descriptor{
	Kind: Restart, Words: words("restarts empty"), MovesKeys: true,
	Foreign:  others + ", or use down, which there only cuts the run's own clients off",
	Embedded: func(s Embedded, _ Fault) (func(), error) { s.Restart(); return nil, nil },
	Live:     func(s Live, _ Fault) (Course, error) { return Course{}, s.Restart() },
}

// Down means that the shard is killed, refuses connections, and comes back
// empty. To a server that the run did not start, its clients lose the way.
const Down Kind = "down"

var down = Descriptor{
	Kind: Down, Words: words("is down"), MovesKeys: true, LosesAnswers: true,
	Embedded: func(s Embedded, _ Fault) (func(), error) { return s.Down(), nil },
	Live: func(s Live, _ Fault) (Course, error) {
		link, err := s.OnLink()
		if err != nil {
			return Course{}, err
		}
		return Course{End: func() error {
			err := s.Restart()
			if link.End != nil {
				err = errors.Join(err, link.End())
			}
			return err
		}}, s.Kill()
	},
	Link: func(_ Fault, l *Link) { l.Refuses = true },
}

// Frozen means that the shard answers nothing, and goes on where it was.
const Frozen Kind = "frozen"

var frozen = Descriptor{
	Kind: Frozen, Words: words("is frozen"), MovesKeys: true, LosesAnswers: true,
	Embedded: func(s Embedded, _ Fault) (func(), error) { return s.Freeze(), nil },
	Live:     func(s Live, _ Fault) (Course, error) { return Course{End: s.Resume}, s.Stop() },
	Link:     func(_ Fault, l *Link) { l.Held = true },
}

func words(text string) func(Fault) string { return func(Fault) string { return text } }

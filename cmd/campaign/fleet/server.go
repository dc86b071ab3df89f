package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/quotalab/quotalab/sim/clock"
)

// coordinatorUser and workerUser are who may log in to a server of one's own.
const (
	coordinatorUser = "coordinator"
	workerUser      = "worker"
)

// inbox begins the subjects on which a worker gets replies. It may hear no others but
// the end of its sweep.
const inbox = "_INBOX_worker"

// own is a server in this process. Its streams are in a folder, and a killed coordinator finds them
// there again.
type own struct {
	server *server.Server
	conn   *nats.Conn
	join   string // path of the file that lets workers in
}

// startServer starts a server for the queue of a job, which listens at an address, host and
// port, with TLS, and lets in who has the join file.
func startServer(dir, listen, joinFile string, q *queue) (*own, error) {
	host, portText, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: expected host:port or :port, found %q: %w", listen, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("--listen: expected a port from 0 to 65535, found %q", portText)
	}
	if err := canListen(listen); err != nil {
		return nil, fmt.Errorf("--listen: %w; expected host:port of this machine with a free port, such as :4433", err)
	}
	if port == 0 {
		port = 1 << 32 // not the server's default
	}
	if err := forget(dir, q.id); err != nil {
		return nil, err
	}
	j, config, err := ownJoin(joinFile)
	if err != nil {
		return nil, fmt.Errorf("--join-file: %w", err)
	}
	secret := randomText()
	o := options(filepath.Join(dir, q.id), host, port, config)
	o.Users = []*server.User{{Username: coordinatorUser, Password: secret},
		{Username: workerUser, Password: j.secret, Permissions: q.workersMay()}}
	s := &own{join: joinFile}
	if s.server, err = server.NewServer(o); err != nil {
		return nil, err
	}
	s.server.Start()
	if s.server.Addr() == nil { // Start listens before it returns, or gives up and says nothing
		s.server.Shutdown()
		return nil, fmt.Errorf("--listen %s: the queue's server, whose files are in %s, does not start", listen, dir)
	}
	s.conn, err = nats.Connect("", append(connectOptions(coordinatorUser), nats.InProcessServer(s.server), nats.UserInfo(coordinatorUser, secret))...)
	if err != nil {
		s.server.Shutdown()
		return nil, err
	}
	return s, nil
}

// canListen returns why nobody can listen at an address, which the server does not tell.
func canListen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// mostStore is no limit: a disk that is full says so.
const mostStore = 1 << 50

func options(dir, host string, port uint64, config *tls.Config) *server.Options {
	o := &server.Options{ServerName: "quotalab", JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true, NoSystemAccount: true,
		Host: host, Port: int(port), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: mostStore, MaxPending: 256 << 20,
		TLSConfig: config, TLSHandshakeFirst: true, TLSTimeout: tryFor.Seconds()}
	if port > 1<<16 {
		o.Port = server.RANDOM_PORT
	}
	return o
}

// workersMay lists what a worker may say and hear: take cells, look at what is there,
// add what is new. It can neither remove nor replace anything.
func (q *queue) workersMay() *server.Permissions {
	may := []string{
		"$JS.API.STREAM.INFO." + jobStream, "$JS.API.DIRECT.GET." + jobStream + ".>",
		"$JS.API.CONSUMER.INFO." + q.stream(cellsStream) + "." + consumer, "$JS.API.CONSUMER.MSG.NEXT." + q.stream(cellsStream) + "." + consumer,
		"$JS.ACK." + q.stream(cellsStream) + "." + consumer + ".>",
		q.subject("done.*"), q.subject("differs.*"), q.subject("data.>"), q.subject("try.*"), q.subject("hello"),
	}
	for _, kind := range []string{doneStream, dataStream, triesStream} {
		may = append(may, "$JS.API.STREAM.INFO."+q.stream(kind), "$JS.API.DIRECT.GET."+q.stream(kind)+".>")
	}
	return &server.Permissions{Publish: &server.SubjectPermission{Allow: may},
		Subscribe: &server.SubjectPermission{Allow: []string{inbox + ".>", q.subject("end")}}}
}

// forget removes the queues of other jobs from a folder: the sweep has changed.
func forget(dir, id string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return os.MkdirAll(dir, 0o700)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != id {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// lingers is how long the server waits for workers to go once they are told that all is
// over.
const lingers = 2 * time.Second

// stop stops the server; after workers have gone if they were told to.
func (s *own) stop(told bool) {
	for begun := clock.Now(); told && s.server.NumClients() > 1 && clock.Since(begun) < lingers; {
		_ = clock.Sleep(context.Background(), 10*time.Millisecond) // which never ends
	}
	s.conn.Close()
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

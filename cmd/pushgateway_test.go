package cmd_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/rogpeppe/go-internal/testscript"
)

// pushgateway [STATUS] stands for a Prometheus Pushgateway, whose host and port
// are then in $PUSHGATEWAY. It answers with STATUS, 202 without one. What was
// pushed last is in pushed.txt: a line with the method, the path, the user and
// the password, and then the metrics as text.
func pushgateway(ts *testscript.TestScript, neg bool, args []string) {
	status := http.StatusAccepted
	if len(args) == 1 {
		var err error
		status, err = strconv.Atoi(args[0])
		ts.Check(err)
	}
	if neg || len(args) > 1 {
		ts.Fatalf("usage: pushgateway [STATUS]")
	}
	file := ts.MkAbs("pushed.txt")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := textOfPush(r)
		if err == nil {
			err = os.WriteFile(file, text, 0o644)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(status)
	}))
	ts.Defer(server.Close)
	ts.Setenv("PUSHGATEWAY", server.Listener.Addr().String())
}

func textOfPush(r *http.Request) ([]byte, error) {
	user, password, _ := r.BasicAuth()
	var text bytes.Buffer
	fmt.Fprintf(&text, "%s %s %q %q\n", r.Method, r.URL.Path, user, password)
	for d := expfmt.NewDecoder(r.Body, expfmt.ResponseFormat(r.Header)); ; {
		var f dto.MetricFamily
		if err := d.Decode(&f); errors.Is(err, io.EOF) {
			return text.Bytes(), nil
		} else if err != nil {
			return nil, err
		}
		if _, err := expfmt.MetricFamilyToText(&text, &f); err != nil {
			return nil, err
		}
	}
}

package report_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/quotalab/quotalab/internal/testkit"
)

// newBrowser starts Chromium for a test, which is skipped where there is none;
// in CI there must be one. env is added to its environment.
func newBrowser(t *testing.T, env ...string) context.Context {
	t.Helper()
	path := testkit.Program(t, "chromium", "chromium")
	flags := []chromedp.ExecAllocatorOption{chromedp.ExecPath(path), chromedp.UserDataDir(emptyFolder(t)), chromedp.NoFirstRun, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Env(env...)}
	for _, f := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync", "disable-dev-shm-usage", "hide-scrollbars"} {
		flags = append(flags, chromedp.Flag(f, true))
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(flags, chromedp.Flag("headless", "new"))...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("closing chromium: %v", err)
		}
	})
	return ctx
}

// emptyFolder for Chromium, whose processes may write into it shortly after it
// has ended: that makes t.TempDir fail.
func emptyFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "quotalab-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 50 {
			if err = os.RemoveAll(dir); err == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Error(err)
	})
	return dir
}

// look is how a page is shown.
type look struct {
	theme string // light or dark
	width int64
	media string // "" screen
	noJS  bool
}

func (l look) String() string {
	words := []string{l.theme, fmt.Sprint(l.width)}
	if l.media != "" {
		words = append(words, l.media)
	}
	if l.noJS {
		words = append(words, "without scripts")
	}
	return strings.Join(words, " ")
}

// everyLook is what a report is tested in; someLooks have each of its sides.
var everyLook = []look{{theme: "light", width: 1280}, {theme: "dark", width: 1280}, {theme: "light", width: 375}, {theme: "dark", width: 375}}

var someLooks = []look{everyLook[0], everyLook[3]}

// tab is an opened report, and what the browser said and asked for.
type tab struct {
	context.Context
	t   *testing.T
	own string // what all that is requested begins with

	mu       sync.Mutex
	said     []string // to the console
	requests []string
}

// openTab opens a file in a new tab, or nothing if there is no path.
func openTab(t *testing.T, browser context.Context, path string, l look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	p := &tab{Context: ctx, t: t, own: "file://" + path}
	p.do() // opens it
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		t.Fatal(err)
	}
	call(p, network.Enable, network.EnableParams{})
	call(p, log.Enable, cdp.Empty{})
	call(p, runtime.Enable, cdp.Empty{})
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.noJS})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: l.media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.theme}}})
	p.do(chromedp.EmulateViewport(l.width, 900))
	if path != "" {
		p.do(chromedp.Navigate(p.own))
	}
	return p
}

func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.t.Helper()
	if _, err := chromedp.Call(p, command, params); err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, a := range e.Args {
			words = append(words, a.Description+string(a.Value))
		}
		p.said = append(p.said, fmt.Sprintf("%s: %s", e.Type, strings.Join(words, " ")))
	case *runtime.EventExceptionThrown:
		text := "exception: " + e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		p.said = append(p.said, text)
	case *log.EventEntryAdded:
		p.said = append(p.said, fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	}
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// eval runs a script in the page and decodes what it returns.
func eval[T any](p *tab, script string) T {
	p.t.Helper()
	result, err := chromedp.Run(p, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%v\nin %.300s", err, script)
	}
	return result
}

// picture of the whole page, for people: written if QUOTALAB_SCREENSHOTS names
// a folder.
func (p *tab) picture(name string) {
	p.t.Helper()
	dir := os.Getenv("QUOTALAB_SCREENSHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".png"), png, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

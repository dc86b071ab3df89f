package trace_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/quotalab/quotalab/sim/trace"
)

func at(second int, nanos int) time.Time {
	return time.Date(2015, 5, 17, 10, 5, second, nanos, time.UTC)
}

// Lines that the tables below build on.
const (
	common   = `192.0.2.1 - - [17/May/2015:10:05:03 +0000] "GET /a?b=1 HTTP/1.1" 200 12`
	combined = `192.0.2.2 - ann [17/May/2015:12:05:01 +0200] "GET /c HTTP/1.1" 304 - "http://r.example/" "curl/8 \"q\""`
	cut      = `2001:db8::1 - - [17/May/2015:10:05:02 +0000] "-" 408 - "-" "Mozilla/5.0 (cut of`
)

func TestReadGoodTraces(t *testing.T) {
	log := func(key string) trace.Format { return trace.Format{Name: "combined", KeyField: key} }
	tests := []struct {
		why    string
		format trace.Format
		in     string
		want   []trace.Entry
	}{
		{"entries come sorted by time, zones are applied", log("host"), common + "\n" + combined + "\n" + cut,
			[]trace.Entry{{at(1, 0), "192.0.2.2"}, {at(2, 0), "2001:db8::1"}, {at(3, 0), "192.0.2.1"}}},
		{"equal times keep the file's order", log("host"), common + "\n" + strings.Replace(common, "2.1", "2.0", 1),
			[]trace.Entry{{at(3, 0), "192.0.2.1"}, {at(3, 0), "192.0.2.0"}}},
		{"an anonymous user is -", log("user"), common + "\n" + combined, []trace.Entry{{at(1, 0), "ann"}, {at(3, 0), "-"}}},
		{"a path is without its query; no request line is its own path", log("path"), common + "\n" + cut,
			[]trace.Entry{{at(2, 0), "-"}, {at(3, 0), "/a"}}},
		{"an escaped quote does not end an agent; a line may end within it", log("agent"), combined + "\n" + cut,
			[]trace.Entry{{at(1, 0), `curl/8 \"q\"`}, {at(2, 0), "Mozilla/5.0 (cut of"}}},
		{"an empty agent is as good as none", log("agent"), common + ` "-" ""`, []trace.Entry{{at(3, 0), "-"}}},
		{"fields after the agent are others' business", log("agent"), common + ` "-" "x" "10.0.0.1" 0.004`, []trace.Entry{{at(3, 0), "x"}}},
		{"byte-order mark, blank lines and Windows line ends", log("host"), "\ufeff" + common + "\r\n\r\n  \n",
			[]trace.Entry{{at(3, 0), "192.0.2.1"}}},
		{"common is a name too", trace.Format{Name: "common", KeyField: "host"}, common, []trace.Entry{{at(3, 0), "192.0.2.1"}}},
		{"csv: columns by name, RFC 3339 with zone and Unix seconds", trace.Format{Name: "csv", TimeField: "ts", KeyField: "who"},
			"x,who,ts\n1,a,2015-05-17T12:05:03.25+02:00\n2,\"b,\"\"c\",1431857101.000000001\n",
			[]trace.Entry{{at(1, 1), `b,"c`}, {at(3, 250e6), "a"}}},
		{"csv: byte-order mark", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, "\ufefftime,host\n1431857101,a\n", []trace.Entry{{at(1, 0), "a"}}},
		{"csv: a key may span lines", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, "time,host\n1431857101,\"a\nb\"\n", []trace.Entry{{at(1, 0), "a\nb"}}},
		{"jsonl: numbers and strings, escapes, other members of any shape", trace.Format{Name: "jsonl", TimeField: "time", KeyField: "host"},
			`{"host":"a\u0062","time":1431857101.5,"x":{"host":"no"}}` + "\n" + `{"time":"2015-05-17T10:05:03Z","host":17,"y":[null]}`,
			[]trace.Entry{{at(1, 500e6), "ab"}, {at(3, 0), "17"}}},
		{"jsonl: Unix seconds as a string, a boolean key, an escaped name", trace.Format{Name: "jsonl", KeyField: "ok", TimeField: "time"},
			`{"time":"1431857101.0000000019","\u006fk":true}`, []trace.Entry{{at(1, 1), "true"}}},
	}
	for _, tt := range tests {
		got, _, err := trace.Read(strings.NewReader(tt.in), tt.format)
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
		}
		if diff := gocmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
	}
}

func TestReadBadLines(t *testing.T) {
	const header = "time,host\n"
	tests := []struct {
		why    string
		format string
		in     string
		want   string // line:column and the message's beginning
	}{
		{"an empty word", "combined", " - - x", "1:1: expected host and a blank"},
		{"a line that stops early", "combined", "192.0.2.1 -", `1:11: expected ident and a blank, found "-"`},
		{"no time", "combined", `192.0.2.1 - - "GET / HTTP/1.1" 200 1`, `1:15: expected time in [ ], found "\"GET`},
		{"nothing after the user", "combined", "192.0.2.1 - - ", "1:15: expected time in [ ], found the end of the line"},
		{"a month that is none", "combined", strings.Replace(common, "May", "Mai", 1), "1:16: expected a time like 17/May/2015:10:05:03 +0000, found \"17/Mai"},
		{"an impossible day", "combined", strings.Replace(common, "17/May", "31/Feb", 1), "1:16: expected a time like"},
		{"before 1970", "combined", strings.Replace(common, "2015", "1969", 1), "1:16: time 1969-05-17T10:05:03Z is out of range"},
		{"no blank after the time", "combined", strings.Replace(common, "] ", "]", 1), "1:43: expected a blank"},
		{"a request without quotes", "combined", strings.ReplaceAll(common, `"`, ""), "1:44: expected request in double quotes"},
		{"a request that does not end", "combined", common[:60], "1:61: expected request to end with a double quote, found the end"},
		{"a status in words", "combined", strings.Replace(common, " 200 ", " OK ", 1), `1:66: expected status as a number or -, found "OK 12"`},
		{"a size with a unit", "combined", common + "k", `1:70: expected size as a number or -, found "12k"`},
		{"rubbish after the size", "combined", common + " x", `1:73: expected referer in double quotes, found "x"`},
		{"a referer that does not end", "combined", common + ` "x`, "1:75: expected referer to end with a double quote"},
		{"a referer without an agent", "combined", common + ` "x" `, "1:77: expected agent in double quotes, found the end of the line"},
		{"the second line", "combined", common + "\n\nbad\n", `3:1: expected host and a blank, found "bad"`},
		{"a time in words", "csv", header + "1,a\nnoon,b\n", `3:1: expected a time as RFC 3339 or Unix seconds, found "noon"`},
		{"milliseconds for seconds", "csv", header + "1431857101000,b\n", `2:1: expected Unix seconds up to the year 2261, found "1431857101000"; milliseconds`},
		{"a number beyond 64 bits", "csv", header + "99999999999999999999,b\n", "2:1: expected Unix seconds up to"},
		{"a negative time", "csv", header + "-1,b\n", "2:1: expected a time as RFC 3339"},
		{"a point without digits", "csv", header + "1.,b\n", "2:1: expected a time as RFC 3339"},
		{"a year beyond nanoseconds", "csv", header + "2300-01-01T00:00:00Z,b\n", "2:1: time 2300-01-01T00:00:00Z is out of range"},
		{"no key", "csv", header + "1,\n", `2:3: expected a key in column "host", found nothing`},
		{"too many fields", "csv", header + "1,a,b\n", "2:1: expected 2 fields as in the header, found 3"},
		{"a stray quote", "csv", header + "1,a\"b\n", "2:4: bare \""},
		{"a quote that does not end", "csv", header + "1,\"ab\n", "2:"},
		{"not an object", "jsonl", "[1]", `1:1: expected a JSON object, found "[1]"`},
		{"not JSON", "jsonl", "{x:1}", "1:2: expected valid JSON"},
		{"an object cut off", "jsonl", `{"time":1,`, "1:11: expected valid JSON"},
		{"two values in a line", "jsonl", `{"time":1,"host":"a"} {}`, "1:23: expected the end of the line"},
		{"rubbish after the object", "jsonl", `{"time":1,"host":"a"} x`, "1:23: expected valid JSON"},
		{"a member twice", "jsonl", `{"time":1,"host":"a","host":"b"}`, "1:22: expected valid JSON: duplicate"},
		{"no time", "jsonl", `{"host":"a"}`, `1:1: expected a member "time", found none in "{\"host\"`},
		{"no key", "jsonl", `{"time":1}`, `1:1: expected a member "host"`},
		{"an empty key", "jsonl", `{"time":1,"host":""}`, `1:18: expected a key in "host", found an empty string`},
		{"a key of the wrong shape", "jsonl", `{"time":1,"host":["a"]}`, `1:18: expected a string or a number, found "[\"a\"]"`},
		{"a time of the wrong shape", "jsonl", "\n" + `{"time":null,"host":"a"}`, `2:9: expected a string or a number, found "null"`},
		{"a time with an exponent", "jsonl", `{"time":1e9,"host":"a"}`, `1:9: expected a time as RFC 3339 or Unix seconds, found "1e9"`},
	}
	for _, tt := range tests {
		got, _, err := trace.Read(strings.NewReader(tt.in), trace.Format{Name: tt.format, TimeField: "time", KeyField: "host"})
		var lines *trace.LineErrors
		if !errors.As(err, &lines) || lines.Count != 1 || got != nil {
			t.Errorf("%s: %d entries, error %v; expected none and one bad line", tt.why, len(got), err)
			continue
		}
		if text := lines.First[0].Error(); !strings.HasPrefix(text, tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.why, text, tt.want)
		}
	}
}

func TestReadRefusesWhatIsNoTrace(t *testing.T) {
	tests := []struct {
		why    string
		format trace.Format
		in     io.Reader
		want   string
	}{
		{"unknown format", trace.Format{Name: "xml", KeyField: "host"}, strings.NewReader("<x/>"), `unknown trace format "xml"; expected one of alb, combined, common, csv, jsonl, w3c`},
		{"unknown log field", trace.Format{Name: "combined", KeyField: "ip"}, strings.NewReader(common), `access logs have no key field "ip"; expected one of host, user, path, agent`},
		{"an agent of a common log", trace.Format{Name: "combined", KeyField: "agent"}, strings.NewReader(common), "none of its lines is of that format (1 line bad); is it another file? The first: 1:72: expected \"referer\" \"agent\" after the size"},
		{"a file of passwords", trace.Format{Name: "combined", KeyField: "host"}, strings.NewReader("root:secret\nsys:secret\n"), "none of its lines is of that format (2 lines bad); is it another file? The first: 1:1: expected host and a blank"},
		{"a file of passwords as csv", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, strings.NewReader("root:secret\n"), `1:1: no column "host" in the csv header; found a line that names no columns`},
		{"a csv without line ends", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, io.MultiReader(strings.NewReader("time,host\n1,\""), strings.NewReader(strings.Repeat("x\n", 1<<20))), "reading csv: a record is longer than 1048576 bytes"},
		{"an empty file", trace.Format{Name: "combined", KeyField: "host"}, strings.NewReader("\n \n"), trace.ErrEmpty.Error()},
		{"an empty csv", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, strings.NewReader(""), trace.ErrEmpty.Error()},
		{"a csv of nothing but a header", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, strings.NewReader("time,host\n"), trace.ErrEmpty.Error()},
		{"a csv without the key", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, strings.NewReader("time,ip\n1,a\n"), `1:1: no column "host" in the csv header; found "time,ip"`},
		{"a csv with the time twice", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, strings.NewReader("time,host,time\n1,a,2\n"), `1:1: column "time" stands twice`},
		{"a broken csv header", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, strings.NewReader("\"time,host\n1,a\n"), "reading the csv header: "},
		{"one member as time and key", trace.Format{Name: "jsonl", KeyField: "time", TimeField: "time"}, strings.NewReader("{}"), `time and key are both "time"`},
		{"a load balancer's log as combined", trace.Format{Name: "combined", KeyField: "host"}, strings.NewReader(alb), "expected the format combined, found the beginning of a log in the format alb; write format: alb"},
		{"an IIS log as csv", trace.Format{Name: "csv", TimeField: "time", KeyField: "c-ip"}, strings.NewReader(iis), "expected the format csv, found the beginning of a log in the format w3c; write format: w3c"},
		{"a w3c log without the key", trace.Format{Name: "w3c", KeyField: "cs-host"}, strings.NewReader(iis), `no column "cs-host" in #Fields; found "date,time,c-ip,cs-uri-stem"`},
		{"a w3c log without a time", trace.Format{Name: "w3c", KeyField: "host"}, strings.NewReader("#Fields: date c-ip\n2026-06-10 192.0.2.1\n"), `no column "time" in #Fields; found "date,c-ip"`},
		{"a w3c log without its columns", trace.Format{Name: "w3c", KeyField: "host"}, strings.NewReader("2026-06-10 12:00:00 192.0.2.1\n"), "none of its lines is of that format (1 line bad); is it another file? The first: 1:1: expected a line #Fields: before the first entry"},
		{"an unknown field of a load balancer", trace.Format{Name: "alb", KeyField: "user"}, strings.NewReader(alb), `a load balancer's log has no key field "user"; expected one of host, path, agent`},
		{"a disk that fails", trace.Format{Name: "combined", KeyField: "host"}, io.MultiReader(strings.NewReader(common+"\n"), iotest.ErrReader(errDisk)), "reading after line 1: disk on fire"},
		{"a disk that fails within a csv", trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}, io.MultiReader(strings.NewReader("time,host\n"), iotest.ErrReader(errDisk)), "reading csv: disk on fire"},
		{"a binary file", trace.Format{Name: "jsonl", TimeField: "time", KeyField: "host"}, strings.NewReader(strings.Repeat("x", 1<<20+1)), "line 1 is longer than 1048576 bytes"},
	}
	for _, tt := range tests {
		got, _, err := trace.Read(tt.in, tt.format)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") || got != nil {
			t.Errorf("%s: %d entries, error %v; expected none and %s", tt.why, len(got), err, tt.want)
		}
	}
}

var errDisk = errors.New("disk on fire")

func TestReadKeepsTheReadersError(t *testing.T) {
	if _, _, err := trace.Read(iotest.ErrReader(errDisk), trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}); !errors.Is(err, errDisk) {
		t.Errorf("error %v does not wrap the reader's", err)
	}
}

const (
	alb = `h2 2026-06-10T12:00:00.186641Z app/a/50dc 192.0.2.1:2817 10.0.0.1:80 0.086 0.048 -1 200 200 0 57 "GET https://www.example.com:443/a?b HTTP/1.1" "curl/7.46.0" - - arn:x`
	elb = `2026-06-10T12:00:01.000000Z balancer [2001:db8::0:1]:2817 - -1 -1 -1 503 0 0 57 "GET http://www.example.com:80/b HTTP/1.1" "-" - -`
	iis = "#Software: Microsoft Internet Information Services 10.0\r\n#Fields: date time c-ip cs-uri-stem\r\n2026-06-10 12:00:06 192.0.2.1 /api\r\n" +
		"#Fields: date time cs-uri-stem c-ip\r\n2026-06-10 12:00:05 /b 192.0.2.2\r\n"
	cloudfront = "#Version: 1.0\n#Fields: date time x-edge-location c-ip cs-uri-stem\n2026-06-10\t12:00:00\tLAX 1\t192.0.2.1\t/index.html\n"
)

func TestReadLogsOfLoadBalancers(t *testing.T) {
	at := func(second, nanos int) time.Time { return time.Date(2026, 6, 10, 12, 0, second, nanos, time.UTC) }
	tests := []struct {
		why, format, key, in string
		want                 []trace.Entry
	}{
		{"clients", "alb", "host", alb + "\n" + elb, []trace.Entry{{At: at(0, 186641000), Key: "192.0.2.1"}, {At: at(1, 0), Key: "2001:db8::1"}}},
		{"paths", "alb", "path", alb, []trace.Entry{{At: at(0, 186641000), Key: "https://www.example.com:443/a"}}},
		{"agents", "alb", "agent", alb, []trace.Entry{{At: at(0, 186641000), Key: "curl/7.46.0"}}},
		{"columns that change", "w3c", "host", iis, []trace.Entry{{At: at(5, 0), Key: "192.0.2.2"}, {At: at(6, 0), Key: "192.0.2.1"}}},
		{"a column by its name", "w3c", "cs-uri-stem", iis, []trace.Entry{{At: at(5, 0), Key: "/b"}, {At: at(6, 0), Key: "/api"}}},
		{"tabs, and a blank within a column", "w3c", "x-edge-location", cloudfront, []trace.Entry{{At: at(0, 0), Key: "LAX 1"}}},
	}
	for _, tt := range tests {
		got, _, err := trace.Read(strings.NewReader(tt.in), trace.Format{Name: tt.format, KeyField: tt.key})
		if err != nil {
			t.Errorf("%s: %v", tt.why, err)
		}
		if diff := gocmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.why, diff)
		}
	}
}

func TestBadLinesAreSkippedAsFarAsAllowed(t *testing.T) {
	in := common + "\nlogfile turned over\n" + common + "\nagain turned over\n"
	format := trace.Format{Name: "combined", KeyField: "host", BadLines: 2}
	got, skipped, err := trace.Read(strings.NewReader(in), format)
	if err != nil || len(got) != 2 || skipped == nil || skipped.Count != 2 || skipped.First[0].Line != 2 {
		t.Errorf("%d entries, skipped %v, error %v; expected two of each", len(got), skipped, err)
	}
	counts, skipped, err := trace.Keys(strings.NewReader(in), format)
	if err != nil || len(counts) != 1 || counts[0].Count != 2 || skipped == nil || skipped.Count != 2 {
		t.Errorf("keys %v, skipped %v, error %v; expected one key twice and two bad lines", counts, skipped, err)
	}
	format.BadLines = 1
	if got, _, err := trace.Read(strings.NewReader(in), format); err == nil || got != nil {
		t.Errorf("%d entries, error %v; expected an error: there are two bad lines and one is allowed", len(got), err)
	}
	format.BadLines = 9
	if _, _, err := trace.Read(strings.NewReader("root:secret\n"), format); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v; expected one that shows nothing of a file without a good line", err)
	}
}

func TestBadLinesAreListedToTenAndCounted(t *testing.T) {
	_, _, err := trace.Read(strings.NewReader(common+"\n"+strings.Repeat("bad\n", 12)), trace.Format{Name: "combined", KeyField: "host"})
	if err == nil {
		t.Fatal("no error for twelve bad lines")
	}
	text := err.Error()
	if !strings.HasPrefix(text, "12 bad lines:\n  2:1: ") || !strings.HasSuffix(text, "\n  and 2 more\n  bad_lines: 12 would skip what is bad") || strings.Count(text, "\n") != 12 {
		t.Errorf("not the first ten and the number of the rest:\n%s", text)
	}
}

func TestKeysNeedNoTime(t *testing.T) {
	tests := []struct{ format, in string }{
		{"csv", "host\nb\na\nc\na\n"},
		{"jsonl", `{"host":"b"}` + "\n" + `{"host":"a","time":"never"}` + "\n" + `{"host":"c"}` + "\n" + `{"host":"a"}`},
		{"common", `b - - [?] "" 1 1` + "\n" + `a - - [] "" 1 1` + "\n" + `c - - [] "" 1 1` + "\n" + `a - - [] "" 1 1`},
	}
	want := []trace.KeyCount{{"a", 2}, {"b", 1}, {"c", 1}} // by count, then first occurrence
	for _, tt := range tests {
		got, _, err := trace.Keys(strings.NewReader(tt.in), trace.Format{Name: tt.format, TimeField: "time", KeyField: "host"})
		if err != nil {
			t.Errorf("%s: %v", tt.format, err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.format, diff)
		}
	}
	if _, _, err := trace.Keys(strings.NewReader("host\n"), trace.Format{Name: "csv", TimeField: "time", KeyField: "host"}); !errors.Is(err, trace.ErrEmpty) {
		t.Errorf("keys of nothing: error %v, expected ErrEmpty", err)
	}
}

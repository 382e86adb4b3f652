package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/report"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
)

// elsewhereHost is a host that a page must never ask, whatever its data says.
const elsewhereHost = "elsewhere.invalid"

// loadingText is a text that loads something from elsewhere, in several ways, where
// it is taken for HTML or a style.
const loadingText = `</style></title></pre><img src="http://` + elsewhereHost + `/a.png"><style>@import url(http://` + elsewhereHost + `/b.css);</style>` +
	`<script src="http://` + elsewhereHost + `/c.js"></script><script>document.title = "taken over"</script>`

// A browser is a Chromium that is started anew for each page.
type browser struct{ path string }

// findBrowser returns the browser on the PATH, or skips the test.
func findBrowser(t *testing.T) browser {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes seconds")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return browser{path}
		}
	}
	t.Skip("neither chromium nor google-chrome is on the PATH")
	return browser{}
}

// dom opens a page from a file and returns what the browser made of it.
func (b browser) dom(t *testing.T, page string, flags ...string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "page.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	profile, err := os.MkdirTemp("", "ringplan-browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) }) // what is left of the browser may still write
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-default-apps", "--disable-extensions", "--user-data-dir=" + profile, "--dump-dom",
	}, flags...)
	cmd := exec.CommandContext(ctx, b.path, append(args, "file://"+file)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", b.path, err, stderr.String())
	}
	return string(out)
}

// A witness is a proxy that notes the hosts it is asked for, and has nothing.
type witness struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	w := &witness{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.asked = append(w.asked, r.Host)
		http.Error(rw, "nothing here", http.StatusNotFound)
	}))
	t.Cleanup(w.Close)
	return w
}

// flags make a browser ask the witness for everything.
func (w *witness) flags() []string {
	return []string{"--proxy-server=" + w.URL, "--proxy-bypass-list=<-loopback>"}
}

// count returns how often the witness was asked for the host.
func (w *witness) count(host string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, asked := range w.asked {
		if asked == host {
			n++
		}
	}
	return n
}

// browserReview returns a review with a text in every place, and places for
// what is long.
func browserReview(text, long string) report.Review {
	gate := &stage.Gate{Name: "rebuild-complete", Words: "Every pod has been rebuilt. " + text, Checks: []string{"the replication is complete", "all is well " + long}}
	results := []stage.Result{{Check: gate.Checks[0], Answer: stage.Waiting, Reason: text + long, Warning: text}, {Check: "failed", Answer: stage.Failed}, {Check: "unknown", Answer: stage.Unknown}}
	done := stage.Record{Step: 1, Time: time.Date(2026, 7, 1, 9, 30, 0, 0, time.UTC), Region: "us-east1", Action: stage.Start, Procedure: "expand", From: stage.Planned, To: "joining", Facts: map[string]string{"fact" + long: text + long}, Results: []stage.Result{{Check: "met", Answer: stage.Met, Reason: text}}}
	changes := []report.Effected{
		{Change: manifest.Change{File: "us-west1/" + long, Path: "path." + long, Op: manifest.Changed, Old: text + long, New: []any{long, text}}, Effect: system.Effect{Class: system.OneWay, Why: text + long, Procedure: "p" + long}},
		{Change: manifest.Change{File: "a", Path: "gone", Op: manifest.Removed, Old: "x"}, Effect: system.Effect{Class: system.Safe, Why: "why"}},
		{Change: manifest.Change{File: "a", Path: "moved", Op: manifest.Changed, Old: 1, New: 2}, Effect: system.Effect{Class: system.RingMovement, Why: "why"}},
		{Change: manifest.Change{File: "a", Path: "restarted", Op: manifest.Changed, Old: 1, New: 2}, Effect: system.Effect{Class: system.RollingRestart, Why: "why"}},
	}
	r := report.Review{
		Topology: "acme" + long, Base: "origin/" + long,
		Plan: report.Plan{
			Left: []string{text + long}, Commands: true, Done: []stage.Record{done},
			Steps: []system.Step{
				{Stage: stage.Stage{Number: 2, Region: "us-west1", From: "rebuilding", To: "settling", Current: true, Gate: gate}, Changes: []manifest.Change{changes[0].Change}, Releases: []string{long}, Commands: []system.Command{{Comment: text, Run: "helm upgrade " + long}}},
				{Stage: stage.Stage{Number: 3, Region: "us-west1", From: "settling", To: stage.Serving, Gate: gate}},
			},
		},
		Status: report.Status{Regions: []report.Standing{{Progress: stage.Progress{Region: "us-west1", Phase: "rebuilding"}, Gate: &report.Gate{Gate: gate, Results: results}}}},
		Findings: diag.List{
			{Code: "RP012", Severity: diag.Error, Pos: diag.Pos{File: "topology.yaml", Line: 3}, Path: "spec." + long, Message: text + long, Hint: text, Baseline: diag.New},
			{Code: "RP013", Severity: diag.Warning, Message: "odd", Baseline: diag.Unchanged}, {Code: "RP014", Severity: diag.Note, Message: "by the way", Silenced: ""},
		},
	}
	for _, name := range []string{"us-east1", "us-west1", "region" + long} {
		worse := slices.Clone(changes)
		worse[1].Class = system.DestroysData
		r.Graph.Regions = append(r.Graph.Regions, report.GraphRegion{Name: name, Datacenter: text, Platform: "gke", Ranges: []string{"10.100.0.0/16", long}, Phase: stage.Serving})
		r.Diff.Regions = append(r.Diff.Regions, report.RegionDiff{Region: name, Changes: worse}, report.RegionDiff{Region: name + " again", Changes: changes})
	}
	return r
}

func browserPage(t *testing.T, list ...report.Review) string {
	t.Helper()
	page, err := report.ReviewHTML(list, "Change of acme")
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TestBrowserLoadsNothing opens a page whose data would load something, and
// sees that nobody is asked for it.
func TestBrowserLoadsNothing(t *testing.T) {
	b, w := findBrowser(t), newWitness(t)
	b.dom(t, "<!doctype html><title>x</title>"+loadingText, w.flags()...)
	if w.count(elsewhereHost) == 0 {
		t.Fatal("the proxy sees nothing even of a page that loads something: the test would prove nothing")
	}

	w = newWitness(t)
	dom := b.dom(t, browserPage(t, browserReview(loadingText, "")), w.flags()...)
	if n := w.count(elsewhereHost); n != 0 {
		t.Errorf("the page asks elsewhere %d times", n)
	}
	for _, want := range []string{"<title>Change of acme</title>", "rebuild-complete", "RP012", "&lt;script src=", `<svg xmlns="http://www.w3.org/2000/svg"`} {
		if !strings.Contains(dom, want) {
			t.Errorf("the browser does not show %q", want)
		}
	}
}

// TestBrowserPolicy puts what loads something into a page, and sees that the
// page's own policy holds it back.
func TestBrowserPolicy(t *testing.T) {
	b, w := findBrowser(t), newWitness(t)
	page := strings.Replace(browserPage(t, browserReview("", "")), "</main>", "</main>"+loadingText, 1)
	dom := b.dom(t, page, w.flags()...)
	if n := w.count(elsewhereHost); n != 0 {
		t.Errorf("the policy lets %d requests out", n)
	}
	if !strings.Contains(dom, elsewhereHost+"/a.png") || !strings.Contains(dom, "<title>Change of acme</title>") {
		t.Error("a script has run, or the test put nothing into the page")
	}
}

// A pageView is how a page is looked at, and what was found there.
type pageView struct {
	Width  int    `json:"width"`
	Scheme string `json:"scheme"`
	// Background is that of the page, and Wide and WideOpen what sticks out
	// of its right side, with the folds shut and open.
	Background string   `json:"background"`
	Wide       []string `json:"wide"`
	WideOpen   []string `json:"wideOpen"`
	// Faint are texts with a contrast below 4.5, of so many that were measured.
	Faint    []string `json:"faint"`
	Measured int      `json:"measured"`
	// Folded are parts that print would not show, of so many in folds.
	Folded []string `json:"folded"`
	Folds  int      `json:"folds"`
}

// lookScript is run beside a page, which stands in frames of several widths, and
// writes what it finds as JSON.
const lookScript = `
function wide(win) {
  const doc = win.document, found = [];
  if (doc.documentElement.scrollWidth > win.innerWidth) found.push("document: " + doc.documentElement.scrollWidth + " > " + win.innerWidth);
  for (const e of doc.body.querySelectorAll("*")) {
    if (!e.closest(".scroll *, pre[tabindex], svg") && e.checkVisibility() && e.getBoundingClientRect().right > win.innerWidth + 0.5) found.push(e.tagName + "." + e.className + ": " + e.textContent.slice(0, 40));
  }
  return found;
}
function channels(css) { return css.match(/[\d.]+/g).map(Number); }
function luminance(c) {
  const part = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  return 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
}
function back(win, e) {
  for (; e; e = e.parentElement) {
    const c = channels(win.getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] === 1) return c;
  }
  return [255, 255, 255];
}
function faint(win, seen) {
  const walker = win.document.createTreeWalker(win.document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const e = node.parentElement;
    if (!node.data.trim() || e.closest("svg, style") || !e.checkVisibility()) continue;
    const a = luminance(channels(win.getComputedStyle(e).color)), b = luminance(back(win, e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen.measured++;
    if (ratio < 4.5) seen.faint.push(ratio.toFixed(2) + " " + e.className + ": " + node.data.slice(0, 40));
  }
}
function inPrint(win, seen) {
  for (const rule of win.document.styleSheets[0].cssRules) {
    if (rule.media && rule.media.mediaText === "print") rule.media.mediaText = "all";
  }
  for (const e of win.document.querySelectorAll("details > *:not(summary)")) {
    seen.folds++;
    if (!e.checkVisibility() || e.getBoundingClientRect().height === 0) seen.folded.push(e.className);
  }
}
addEventListener("load", () => {
  const views = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const win = frame.contentWindow, folds = win.document.querySelectorAll("details");
    const seen = {width: win.innerWidth, scheme: frame.style.colorScheme, measured: 0, faint: [], folds: 0, folded: []};
    seen.background = win.getComputedStyle(win.document.body).backgroundColor;
    for (const f of folds) f.open = false;
    seen.wide = wide(win);
    for (const f of folds) f.open = true;
    seen.wideOpen = wide(win);
    faint(win, seen);
    for (const f of folds) f.open = false;
    inPrint(win, seen);
    views.push(seen);
  }
  document.body.textContent = JSON.stringify(views);
});`

// lookAt opens a page at each of the widths, in the light and in the dark. On a
// machine with much to do a browser may look before it has styled the page; then
// it looks again.
func lookAt(t *testing.T, page string, widths ...int) []pageView {
	t.Helper()
	for tries := 1; ; tries++ {
		views := lookOnce(t, page, widths...)
		plain := slices.ContainsFunc(views, func(v pageView) bool { return v.Background == "rgba(0, 0, 0, 0)" })
		if !plain || tries == 3 {
			return views
		}
	}
}

func lookOnce(t *testing.T, page string, widths ...int) []pageView {
	t.Helper()
	var b strings.Builder
	b.WriteString("<!doctype html><title>views</title><body>")
	for _, width := range widths {
		for _, scheme := range []string{"light", "dark"} {
			fmt.Fprintf(&b, `<iframe style="border:0;width:%dpx;height:800px;color-scheme:%s" srcdoc="%s"></iframe>`, width, scheme, html.EscapeString(page))
		}
	}
	b.WriteString("<script>" + lookScript + "</script>")
	dom := findBrowser(t).dom(t, b.String())
	found := regexp.MustCompile(`(?s)<body>(\[.*\])</body>`).FindStringSubmatch(dom)
	if found == nil {
		t.Fatalf("the views say nothing: %.500s", dom)
	}
	var views []pageView
	if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &views); err != nil {
		t.Fatal(err)
	}
	return views
}

// TestBrowserShows holds a page in a real browser, on a phone and on a desktop,
// in the light and in the dark, to what a reader needs: nothing sticks out at
// the side, every text can be read, and print opens what is folded.
func TestBrowserShows(t *testing.T) {
	review := browserReview("<b>text</b> ", strings.Repeat("long-and/even.longer_", 6)+strings.Repeat("x", 150))
	checkViews(t, browserPage(t, review, browserReview("", "")), 200, 10)
}

// TestBrowserReport does so with a page that `ringplan report` has written.
func TestBrowserReport(t *testing.T) {
	findBrowser(t)
	newRing(t)
	git(t, "init", "--quiet")
	git(t, "add", "--all")
	git(t, "commit", "--quiet", "--message", "base")
	mustRun(t, "advance", "region-1", "--now", crashNow)
	editFile(t, "topology.yaml", "replicas: 3", "replicas: 4")
	page := mustRun(t, "report", "--base", "HEAD", "-o", "html")
	for _, want := range []string{"planned → installing", "RP042", "install-running", "10.101.0.0/16"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	checkViews(t, page, 100, 8)
}

// checkViews holds a page of so many texts and folds, at least, to that.
func checkViews(t *testing.T, page string, texts, folds int) {
	t.Helper()
	widths := []int{320, 390, 768, 1280}
	views := lookAt(t, page, widths...)
	if len(views) != 2*len(widths) {
		t.Fatalf("%d views", len(views))
	}
	for i, v := range views {
		name := fmt.Sprintf("at %d px, %s", v.Width, v.Scheme)
		if v.Width != widths[i/2] {
			t.Errorf("%s: not at %d px", name, widths[i/2])
		}
		if want := map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(15, 20, 25)"}[v.Scheme]; v.Background != want {
			t.Errorf("%s: the background is %s", name, v.Background)
		}
		for what, list := range map[string][]string{"sticks out": v.Wide, "sticks out of an open fold": v.WideOpen, "is hard to read": v.Faint, "does not come to paper": v.Folded} {
			if len(list) > 0 {
				t.Errorf("%s: %s: %q", name, what, list[:min(len(list), 5)])
			}
		}
		if v.Measured < texts || v.Folds < folds {
			t.Errorf("%s: %d texts and %d folds only", name, v.Measured, v.Folds)
		}
	}
}

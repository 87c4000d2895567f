package screen

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Screen shows frames on a writer.
type Screen struct {
	out    io.Writer
	live   bool // redraws in place
	colour bool
	drawn  int // lines of the last frame on the terminal
	noted  int // notes already written as plain lines
	lastAt int // seconds of the last plain status line
}

// plainEvery is how many seconds lie between two status lines where nothing can be redrawn.
const plainEvery = 5

// New looks at the writer: frames are redrawn in place on a terminal of at least 80×24 whose TERM is not dumb; NO_COLOR
// (no-color.org) takes the colours away.
func New(out io.Writer, getenv func(string) string) *Screen {
	s := &Screen{out: out, lastAt: -plainEvery}
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || getenv("TERM") == "dumb" || getenv("TERM") == "" {
		return s
	}
	if w, h, err := term.GetSize(int(f.Fd())); err != nil || w < Width || h <= Height {
		return s
	}
	s.live, s.colour = true, getenv("NO_COLOR") == ""
	return s
}

// Live reports whether frames are redrawn in place.
func (s *Screen) Live() bool { return s.live }

// Draw shows the frame. On a terminal it takes the place of the one before; elsewhere new notes are written as lines,
// and now and then a line with the totals. Write errors are ignored: the demo goes on without somebody looking.
func (s *Screen) Draw(f *Frame) {
	if !s.live {
		s.plain(f)
		return
	}
	var b strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	} else {
		b.WriteString("\x1b[?25l") // no cursor while drawing
	}
	lines := f.Render(s.colour)
	for _, l := range lines {
		b.WriteString("\r\x1b[2K" + l + "\n")
	}
	b.WriteString("\x1b[J") // the last frame is shorter than the one before
	s.drawn = len(lines)
	_, _ = io.WriteString(s.out, b.String())
}

func (s *Screen) plain(f *Frame) {
	var b strings.Builder
	for ; s.noted < len(f.Notes); s.noted++ {
		n := f.Notes[s.noted]
		fmt.Fprintf(&b, "%s  %s\n", clock(n.At), n.Text)
	}
	if at := int(f.Elapsed.Seconds()); at >= s.lastAt+plainEvery && len(f.Verdict) == 0 {
		s.lastAt = at
		fmt.Fprintf(&b, "%s  %s: %s calls, %s USD in the ledger, %s USD/min\n", clock(f.Elapsed), f.Phase,
			group(f.InLedger), decimals(f.Total.Total, 4), decimals(f.Total.PerMinute, 4))
	}
	for _, v := range f.Verdict {
		b.WriteString(v.Text + "\n")
	}
	_, _ = io.WriteString(s.out, b.String())
}

// Close gives the cursor back; the last frame stays.
func (s *Screen) Close() {
	if s.live && s.drawn > 0 {
		_, _ = io.WriteString(s.out, "\x1b[?25h")
	}
}

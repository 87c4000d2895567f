package alerts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/tollkeeper/tollkeeper/alerts/notify"
	"github.com/tollkeeper/tollkeeper/ledger"
	"github.com/tollkeeper/tollkeeper/schema"
)

// Journal is what the role has written down, for people: episodes, dead letters, maintenance windows, labels. It needs no
// running role.
type Journal struct {
	store  store
	notify notify.Config
}

// OpenJournal connects to the database at a ClickHouse URL. The notification's configuration says where links lead.
func OpenJournal(clickhouse string, n notify.Config) (*Journal, error) {
	conn, err := schema.Open(clickhouse)
	if err != nil {
		return nil, err
	}
	return &Journal{store{reader{conn}}, n}, nil
}

// Close ends the connection.
func (j *Journal) Close() error { return j.store.conn.Close() }

// Episode is how an episode began and where it stands.
type Episode struct {
	Began AlertEvent // At is when it fired
	Last  AlertEvent // the newest event: Began again while it fires
}

// Open reports that it isn't resolved.
func (e *Episode) Open() bool { return e.Last.State != StateResolved }

// mostEpisodes bounds what is listed.
const mostEpisodes = 1000

// Episodes lists those that are open, and those that were resolved since.
func (j *Journal) Episodes(ctx context.Context, since time.Time) ([]Episode, error) {
	return j.store.episodes(ctx, "", since, mostEpisodes)
}

// Explained is an episode with all that is known of it.
type Explained struct {
	Episode
	Message notify.Message // what its receivers are told, with what was done up to now
	Steps   []ThrottleEvent
	Told    map[string]string // by receiver: what came of it
}

// Explain returns the one episode whose id begins with id.
func (j *Journal) Explain(ctx context.Context, id string) (*Explained, error) {
	if id == "" {
		return nil, errors.New("name an episode: its id, or as much of it as is needed to know it; see tollkeeper alerts list")
	}
	found, err := j.store.episodes(ctx, strings.ToLower(id), time.Unix(0, 0), 2)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return nil, fmt.Errorf("there is no episode %s: see tollkeeper alerts list", id)
	case len(found) > 1:
		return nil, fmt.Errorf("%s is the beginning of several episodes, %s and %s among them: write more of it", id, found[0].Began.Episode, found[1].Began.Episode)
	}
	x := &Explained{Episode: found[0], Told: map[string]string{}}
	err = j.store.steps(ctx, []string{x.Began.Tenant}, []uuid.UUID{x.Began.Episode}, func(e ThrottleEvent) { x.Steps = append(x.Steps, e) })
	if err != nil {
		return nil, err
	}
	x.Message = newMessage(j.notify, x.Began, x.Began.At, x.Steps)
	if !x.Open() {
		x.Message.Undo = ""
	}
	letters, err := j.store.deadLetters(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range []AlertEvent{x.Began, x.Last} {
		var d detail
		_ = json.Unmarshal([]byte(e.Detail), &d) // an unreadable one lists nobody
		for _, name := range d.Notified {
			x.Told[e.State+" to "+name] = notify.Sent
		}
	}
	for _, l := range letters {
		if l.Episode == x.Began.Episode && !l.Sent {
			x.Told[l.State+" to "+l.Receiver] = l.Outcome + ": " + l.Reason
		}
	}
	return x, nil
}

func (s store) episodes(ctx context.Context, id string, since time.Time, most int) ([]Episode, error) {
	var out []Episode
	p := params{"id": text(id), "since": milli(since), "most": fmt.Sprint(most)}
	err := s.each(ctx, "episodes", p, func(rows driver.Rows) error {
		var e Episode
		var id, value, threshold string
		b, l := &e.Began, &e.Last
		if err := rows.Scan(&id, &b.Rule, &b.Kind, &b.Tenant, &b.Subject, &b.Severity, &value, &threshold, &b.Summary, &b.Detail, &b.Crossed, &b.At, &b.State,
			&l.Sequence, &l.State, &l.Summary, &l.Detail, &l.At); err != nil {
			return err
		}
		var err error
		if b.Episode, err = uuid.Parse(id); err != nil {
			return err
		}
		if b.Value, err = ledger.ParseSum(value); err != nil {
			return err
		}
		b.Threshold, err = ledger.ParseSum(threshold)
		b.Sequence = 1
		out = append(out, e)
		return err
	})
	return out, err
}

// DeadLetters lists notifications that nobody got, newest first; those that were sent again only with all.
func (j *Journal) DeadLetters(ctx context.Context, all bool) ([]DeadLetter, error) {
	letters, err := j.store.deadLetters(ctx)
	if !all {
		letters = slices.DeleteFunc(letters, func(d DeadLetter) bool { return d.Sent })
	}
	return letters, err
}

// Resend makes one attempt per dead letter and writes down those that arrive. An error of one doesn't keep the others.
func (j *Journal) Resend(ctx context.Context, letters []DeadLetter, author string) (sent int, err error) {
	var errs []error
	for _, d := range letters {
		if e := j.resend(ctx, d, author); e != nil {
			errs = append(errs, fmt.Errorf("%s to %s: %w", d.Episode, d.Receiver, e))
			continue
		}
		sent++
	}
	return sent, errors.Join(errs...)
}

func (j *Journal) resend(ctx context.Context, d DeadLetter, author string) error {
	x, err := j.Explain(ctx, d.Episode.String())
	if err != nil {
		return err
	}
	m := x.Message
	if d.State == StateResolved {
		e := x.Began
		e.Sequence, e.State, e.Summary, e.At = x.Last.Sequence, x.Last.State, x.Last.Summary, x.Last.At
		m = newMessage(j.notify, e, x.Began.At, x.Steps)
	}
	results, err := notify.SendNow(ctx, j.notify, d.Receiver, m)
	if err == nil {
		err = results[d.Receiver]
	}
	if err != nil {
		return err
	}
	d.Sent, d.Author = true, author
	return j.store.writeDeadLetter(ctx, d)
}

// Window is a time in which no episode begins.
type Window struct {
	ID uuid.UUID
	Maintenance
	Author string
}

// Windows lists those of the database that haven't ended.
func (j *Journal) Windows(ctx context.Context) ([]Window, error) {
	return j.store.windows(ctx, time.Now())
}

// Silence writes a window down; a running role takes it within budgetsEvery.
func (j *Journal) Silence(ctx context.Context, w Window) (Window, error) {
	switch {
	case !w.From.Before(w.To):
		return w, fmt.Errorf("from %s is not before to %s", w.From.Format(time.RFC3339), w.To.Format(time.RFC3339))
	case w.To.Sub(w.From) > 31*24*time.Hour:
		return w, fmt.Errorf("%s is too long: at most 31 days, so that nothing is silent for good", w.To.Sub(w.From))
	case w.Author == "" || w.Reason == "":
		return w, errors.New("say who and why: --author and --reason are kept with the window")
	}
	var err error
	if w.ID, err = uuid.NewRandom(); err != nil {
		return w, err
	}
	return w, j.store.writeWindow(ctx, w, false)
}

// Unsilence ends the one window whose id begins with id.
func (j *Journal) Unsilence(ctx context.Context, id, author string) (Window, error) {
	all, err := j.Windows(ctx)
	if err != nil {
		return Window{}, err
	}
	all = slices.DeleteFunc(all, func(w Window) bool { return id == "" || !strings.HasPrefix(w.ID.String(), strings.ToLower(id)) })
	if len(all) != 1 {
		return Window{}, fmt.Errorf("%d windows begin with %q: see tollkeeper alerts windows", len(all), id)
	}
	all[0].Author = author
	return all[0], j.store.writeWindow(ctx, all[0], true)
}

func (s store) writeWindow(ctx context.Context, w Window, removed bool) error {
	gone := uint8(0)
	if removed {
		gone = 1
	}
	none := func(list []string) []string { return append([]string{}, list...) }
	return s.insert(ctx, "insert_window", w.ID, w.From.UTC(), w.To.UTC(), none(w.Tenants), none(w.Rules), gone, w.Author, w.Reason, time.Now().UTC())
}

func (s store) windows(ctx context.Context, now time.Time) ([]Window, error) {
	var out []Window
	err := s.each(ctx, "windows", params{"now": milli(now)}, func(rows driver.Rows) error {
		var w Window
		var id string
		if err := rows.Scan(&id, &w.From, &w.To, &w.Tenants, &w.Rules, &w.Author, &w.Reason); err != nil {
			return err
		}
		var err error
		w.ID, err = uuid.Parse(id)
		out = append(out, w)
		return err
	})
	return out, err
}

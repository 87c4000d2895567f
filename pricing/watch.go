package pricing

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tollkeeper/tollkeeper/internal/textfile"
)

// Watch holds the book of some price files and makes a new one when their content changes. Files are read, not watched
// for events, so that a rename over a file and a changed link (as Kubernetes does it) are seen like any other change.
type Watch struct {
	files []string
	book  atomic.Pointer[Book]
	mu    sync.Mutex // one Look at a time
	seen  [sha256.Size]byte
}

// NewWatch loads the built-in catalogue with the files laid over it. What is wrong with them is an error.
func NewWatch(files ...string) (*Watch, error) {
	w := &Watch{files: files}
	contents, sum, err := w.read()
	if err != nil {
		return nil, err
	}
	w.seen = sum
	book, err := w.load(contents)
	if err != nil {
		return nil, err
	}
	w.book.Store(book)
	return w, nil
}

// Book is the newest good book.
func (w *Watch) Book() *Book { return w.book.Load() }

// Look reads the files again. If they have changed and are right, the new book takes the old one's place and changed is
// true. If they are wrong or can't be read, the old book stays and the error says why, once per content.
func (w *Watch) Look() (changed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	contents, sum, err := w.read()
	if sum == w.seen {
		return false, nil
	}
	w.seen = sum
	if err != nil {
		return false, err
	}
	book, err := w.load(contents)
	if err != nil {
		return false, err
	}
	if book.Version() == w.Book().Version() {
		return false, nil
	}
	w.book.Store(book)
	return true, nil
}

// read returns the files' contents and a hash of them, or of what is wrong.
func (w *Watch) read() (contents [][]byte, sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for _, p := range w.files {
		content, err := textfile.Read(p)
		if err != nil {
			err = fmt.Errorf("price file %s: %w; check price_files", p, err)
			return nil, sha256.Sum256([]byte(err.Error())), err
		}
		fmt.Fprintf(h, "%d:", len(content))
		h.Write(content)
		contents = append(contents, content)
	}
	h.Sum(sum[:0])
	return contents, sum, nil
}

func (w *Watch) load(contents [][]byte) (*Book, error) {
	b := newBuilder()
	if err := b.addCatalogue(); err != nil {
		return nil, err
	}
	for i, content := range contents {
		b.add(w.files[i], content, true)
	}
	return b.book()
}

package clickhouse

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keepPlaces refuses a tier that is somewhere else than at the last start while its parts still lie where it was: the engine
// would not see them, and start without those days.
func (l layout) keepPlaces() error {
	file := filepath.Join(l.Dir, "tiers")
	now := l.Tiers.Places(l.StorageBase)
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read where the tiers were: %w", err)
	}
	var moved []error
	for was := range strings.Lines(string(text)) {
		was = strings.TrimSpace(was)
		tier, place, _ := strings.Cut(was, " ")
		if slices.Contains(now, was) {
			continue
		}
		dir := place
		if strings.HasPrefix(place, "s3 ") {
			dir = filepath.Join(l.StorageBase, tier+"_s3") // the names of the files in the bucket
		}
		if used, err := holdsParts(dir); err != nil {
			return fmt.Errorf("look into %s, where tier %s was: %w", dir, tier, err)
		} else if used {
			moved = append(moved, fmt.Errorf("tier %s was at %q, and parts of it are still there: configure it there again and move them to another tier "+
				"(ALTER TABLE … MOVE PARTITION … TO VOLUME), or, between directories, move the files while the engine is stopped", tier, place))
		}
	}
	if len(moved) > 0 {
		return errors.Join(moved...)
	}
	if err := os.WriteFile(file, []byte(strings.Join(now, "\n")+"\n"), 0o600); err != nil {
		return fmt.Errorf("write where the tiers are: %w", err)
	}
	return nil
}

// holdsParts tells whether a disk's directory holds a part: the file that every part has.
func holdsParts(dir string) (bool, error) {
	found := errors.New("found")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && d.Name() == "columns.txt" {
			return found
		}
		return err
	})
	if errors.Is(err, found) {
		return true, nil
	}
	return false, err
}

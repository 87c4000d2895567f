package app_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// errNotYet ends an attempt of soon.
var errNotYet = errors.New("not yet")

// attempt is a require.TestingT whose failures end the attempt only.
type attempt struct{ last string }

func (a *attempt) Errorf(format string, args ...any) { a.last = fmt.Sprintf(format, args...) }
func (a *attempt) FailNow()                          { panic(errNotYet) }

// soon tries until ok says so. A requirement on c that fails (a server that is just being killed) is tried again; the last
// one is logged when time is up.
func soon(t *testing.T, ok func(c require.TestingT) bool) bool {
	t.Helper()
	a := &attempt{}
	try := func() (done bool) {
		defer func() {
			if r := recover(); r != nil && r != errNotYet {
				panic(r)
			}
		}()
		done = ok(a)
		a.last = ""
		return done
	}
	for deadline := time.Now().Add(aWhile); time.Now().Before(deadline); time.Sleep(aMoment) {
		if try() {
			return true
		}
	}
	if a.last != "" {
		t.Log(a.last)
	}
	return false
}

// answerLimit bounds one question to a server that may be gone.
const answerLimit = 20 * time.Second

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), answerLimit)
}

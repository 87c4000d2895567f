package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tollkeeper/tollkeeper/gateway"
)

// A gateway puts the limiter in front of its handler; a command to block acme reaches it as a webhook.
func Example() {
	secret := gateway.NewSecret() // shared with the alerts role
	limiter := gateway.NewLimiter(gateway.LimiterOptions{})
	hook, err := limiter.WebhookHandler([]string{secret})
	if err != nil {
		panic(err)
	}
	models := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "an answer") })
	mux := http.NewServeMux()
	mux.Handle("/tollkeeper", hook)
	mux.Handle("/v1/", limiter.Middleware(models, func(r *http.Request) gateway.Subject { return gateway.Tenant(r.Header.Get("X-Tenant")) }))

	// What the alerts role does, here without a network:
	now := time.Now()
	if _, err := limiter.Apply(gateway.Command{Subject: gateway.Tenant("acme"), Level: gateway.Block, Reason: "budget used up", Sequence: 1,
		Issued: now, Expires: now.Add(time.Minute)}); err != nil {
		panic(err)
	}
	for _, tenant := range []string{"acme", "globex"} {
		r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", nil)
		r.Header.Set("X-Tenant", tenant)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(tenant, w.Code)
	}
	// Output:
	// acme 429
	// globex 200
}

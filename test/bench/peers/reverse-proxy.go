// What many would write in Go: the library's reverse proxy, round robin over the backends, a token
// bucket for each client_id. Arguments: the admitting and the limiting port, requests a second of
// the first, the backends.
package main

import (
	"math"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

type bucket struct {
	tokens float64
	at     time.Time
}

type limiter struct {
	mutex   sync.Mutex
	rate    float64
	buckets map[string]*bucket
}

func (l *limiter) take(id string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	now := time.Now()
	b := l.buckets[id]
	if b == nil {
		b = &bucket{tokens: l.rate, at: now}
		l.buckets[id] = b
	}
	b.tokens = math.Min(l.rate, b.tokens+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func main() {
	var backends []*url.URL
	for _, text := range os.Args[4:] {
		backend, err := url.Parse(text)
		if err != nil {
			panic(err)
		}
		backends = append(backends, backend)
	}
	rate, _ := strconv.ParseFloat(os.Args[3], 64)
	var next atomic.Uint64
	proxy := &httputil.ReverseProxy{
		Director: func(r *http.Request) {
			backend := backends[next.Add(1)%uint64(len(backends))]
			r.URL.Scheme, r.URL.Host = backend.Scheme, backend.Host
		},
		Transport: &http.Transport{MaxIdleConns: 0, MaxIdleConnsPerHost: 1024},
	}
	serve := func(port string, rate float64) error {
		limits := &limiter{rate: rate, buckets: map[string]*bucket{}}
		return http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !limits.take(r.URL.Query().Get("client_id")) {
				http.Error(w, "Too Many Requests", http.StatusTooManyRequests)
				return
			}
			proxy.ServeHTTP(w, r)
		}))
	}
	go serve(os.Args[2], 1e-6)
	panic(serve(os.Args[1], rate))
}

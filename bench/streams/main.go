// SPDX-License-Identifier: Apache-2.0

// Streams measures the streaming API of a kubelet with client-go, and can be such a kubelet itself: the Go
// project's own server library with handlers that only copy bytes.
//
//	streams serve                          prints its port
//	streams measure -server URL [-executor spdy|websocket]
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("say serve or measure"))
	}
	switch os.Args[1] {
	case "serve":
		serve()
	case "measure":
		measure(os.Args[2:])
	default:
		fail(fmt.Errorf("say serve or measure"))
	}
}

func fail(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

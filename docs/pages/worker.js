// Pages that are opened from a disk may start no workers: the search then runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      document.body.append(frame)
      this.frame = frame.contentWindow
      window.addEventListener("message", event => {
        if (event.source === this.frame) {
          const passed = new MessageEvent("message", { data: event.data })
          this.dispatchEvent(passed)
          if (this.onmessage) this.onmessage(passed)
        }
      })
      this.loaded = new Promise(done => { window.addEventListener("load", done); if (document.readyState === "complete") done() })
      this.frame.document.open()
      this.frame.document.write(`<script>
        window.postMessage = data => parent.postMessage(data, "*")
        window.importScripts = (...urls) => urls.reduce((last, url) => last.then(() => new Promise(done => {
          const script = document.createElement("script")
          script.src = url
          script.onload = done
          document.head.append(script)
        })), Promise.resolve())
      </script><script src="${url}"></script>`)
      this.frame.document.close()
    }
  }
}

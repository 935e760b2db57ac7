// Pages that are opened from a disk may start no workers: the search's worker then runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const element = document.createElement("iframe")
      element.hidden = true
      document.body.append(element)
      const frame = element.contentWindow
      this.ready = new Promise(started => window.addEventListener("message", event => {
        if (event.source !== frame) return
        if (event.data === "started") started(frame)
        else this.dispatchEvent(new MessageEvent("message", { data: event.data }))
      }))
      frame.document.open()
      frame.document.write(`<script>
        window.postMessage = data => parent.postMessage(data, "*")
        window.importScripts = (...urls) => urls.reduce((last, url) => last.then(() => new Promise(done => {
          const script = document.createElement("script")
          script.src = url
          script.onload = done
          document.head.append(script)
        })), Promise.resolve())
      </script><script src="${url}" onload="postMessage('started')"></script>`)
      frame.document.close()
    }

    async postMessage(data) {
      const frame = await this.ready
      frame.dispatchEvent(new frame.MessageEvent("message", { data }))
    }
  }
}

/**
 * The explorer within a page: `<Explorer scenario="S01" :step="3" />`. What is in it runs in the browser; the
 * address of the link can be shared.
 */
import { withBase } from 'vitepress'
import { defineComponent, h } from 'vue'

export const Explorer = defineComponent({
  props: {
    scenario: { type: String, required: true },
    step: { type: Number, default: 0 },
  },
  render() {
    const address = withBase(`/explorer/#scenario=${this.scenario}&step=${this.step}`)
    return h('figure', { class: 'explorer' }, [
      h('iframe', { src: address, title: `Scenario ${this.scenario} in the explorer`, loading: 'lazy' }),
      h('figcaption', [
        h(
          'a',
          { href: address, target: '_blank', rel: 'noopener' },
          `Scenario ${this.scenario} in the explorer, in a window of its own`,
        ),
      ]),
    ])
  },
})

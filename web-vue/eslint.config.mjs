// What the linter holds: Vue, types, accessibility, and that no text escapes translation.
import i18n from '@intlify/eslint-plugin-vue-i18n'
import { defineConfigWithVueTs, vueTsConfigs } from '@vue/eslint-config-typescript'
import vue from 'eslint-plugin-vue'
import a11y from 'eslint-plugin-vuejs-accessibility'

export default defineConfigWithVueTs(
  { ignores: ['dist/**', 'src/graphql/gen/**', '.nuxt-ui/**', 'components.d.ts'] },
  vue.configs['flat/recommended'],
  vueTsConfigs.recommended,
  a11y.configs['flat/recommended'],
  i18n.configs.recommended,
  {
    settings: { 'vue-i18n': { localeDir: './src/locales/*.json', messageSyntaxVersion: '^11.0.0' } },
    rules: {
      'vue/no-v-html': 'error',
      'vue/multi-word-component-names': 'off',
      // Layout is prettier's business.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/multiline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/first-attribute-linebreak': 'off',
      'vue/require-default-prop': 'off',
      // Tables that turn into cards on a phone say what they are: browsers forget it with the layout.
      'vuejs-accessibility/no-redundant-roles': 'off',
      // Labels are tied to their inputs by UFormField, or given as aria-label.
      'vuejs-accessibility/label-has-for': 'off',
      'vuejs-accessibility/no-static-element-interactions': 'off',
      '@intlify/vue-i18n/no-missing-keys': 'error',
      '@intlify/vue-i18n/no-unused-keys': [
        'error',
        {
          src: './src',
          extensions: ['.ts', '.vue'],
          // Keys put together from a value: the list of values is the type beside them.
          ignores: [
            '/^(status|event|step|range|keys|nav|permission|role|wanted)\\./',
            '/^security\\.prove\\./',
            '/^credits\\.reason\\./',
            '/^plans\\.(show|state)\\./',
            '/^audit\\.noun\\./',
            '/^credentials\\.(kind|states|limit|usedOf)\\./',
            '/^accounts\\.(state|kind|whenSpent|show|step)\\./',
            '/^suppressions\\.(reason|removeLead|by)\\./',
            '/^bounces\\.kinds\\./',
            '/^complaints\\.feedback\\./',
            '/^copies\\.state\\./',
            '/^unsubscribes\\.show\\./',
            '/^tags\\.page\\.stage\\./',
            '/^templates\\.(new|lead|none|noneLead|tags|isDefaultHelp)\\./',
            '/^templates\\.(text|html)Only$/',
            '/^treatment\\.turn\\./',
            '/^engagement\\.figure\\./',
            '/^figures\\.\\w+\\.(name|means)$/',
            '/^emails\\.(span|segment)\\./',
            '/^live\\.(live|connecting)$/',
            '/^message\\.(timeline|headers|source)$/',
          ],
        },
      ],
      '@intlify/vue-i18n/no-raw-text': [
        'error',
        {
          ignorePattern: '^[\\s\\d\\p{P}\\p{S}]+$',
          attributes: {
            '/.+/': ['title', 'aria-label', 'aria-description', 'placeholder', 'alt', 'label', 'description'],
          },
        },
      ],
    },
  },
)

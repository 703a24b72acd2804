import { mkdtemp, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import sharp, { type Sharp } from 'sharp'
import { render } from './render.ts'

// Regenerates all files in samples/. Run: node src/sandbox/make-samples.ts
const directory = fileURLToPath(new URL('./samples', import.meta.url))
const pathOf = (name: string) => join(directory, name)

await draw(portrait())
  .png({ palette: true, colours: 200, dither: 0.6 })
  .toFile(pathOf('portrait.png'))
await draw(landscape()).jpeg({ quality: 84, mozjpeg: true }).toFile(pathOf('landscape.jpg'))
await draw(product()).webp({ quality: 86 }).toFile(pathOf('product.webp'))
await draw(portrait()).resize(150, 200).png({ palette: true }).toFile(pathOf('too-small.png'))
await writeFile(pathOf('chime.wav'), chime())
const clip = join(await mkdtemp(join(tmpdir(), 'samples-')), 'clip.mp4')
await render(
  {
    first: pathOf('landscape.jpg'),
    last: null,
    caption: '',
    quality: '480',
    ratio: '16:9',
    durationS: 4,
    output: clip,
  },
  new AbortController().signal,
)
await rename(clip, pathOf('clip.mp4'))

function draw(svg: string): Sharp {
  return sharp(Buffer.from(svg)).flatten()
}

/** SVG: a person in front of a large sun. */
function portrait(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="1200" viewBox="0 0 900 1200">
  <defs>
    <linearGradient id="wall" x2="0.2" y2="1">
      <stop offset="0" stop-color="#f3cfa6"/><stop offset="1" stop-color="#e58f6b"/>
    </linearGradient>
    <linearGradient id="coat" x2="1" y2="1">
      <stop offset="0" stop-color="#1f6f78"/><stop offset="1" stop-color="#113f52"/>
    </linearGradient>
    <linearGradient id="skin" x2="1" y2="0.3">
      <stop offset="0" stop-color="#f4c39c"/><stop offset="1" stop-color="#dd9670"/>
    </linearGradient>
    <clipPath id="face"><path d="M318 470 q0 -190 132 -190 t132 190 q0 130 -46 190 q-40 52 -86 52 t-86 -52 q-46 -60 -46 -190z"/></clipPath>
  </defs>
  <rect width="900" height="1200" fill="url(#wall)"/>
  <circle cx="450" cy="500" r="360" fill="#f7e3b5"/>
  <circle cx="450" cy="500" r="360" fill="none" stroke="#fff6dd" stroke-width="6" opacity="0.8"/>
  <path d="M248 560 q-40 -350 202 -350 t202 350 q10 150 50 230 h-504 q40 -80 50 -230z" fill="#2b2140"/>
  <path d="M385 640 h130 v190 q0 60 -65 60 t-65 -60z" fill="#c97f5c"/>
  <path d="M120 1200 q10 -330 230 -370 l35 -12 q65 90 130 0 l35 12 q220 40 230 370z" fill="url(#coat)"/>
  <path d="M350 826 l35 -12 q65 96 130 0 l35 12 l-70 150 l-30 -40 l-30 40z" fill="#f6efe2"/>
  <path d="M318 470 q0 -190 132 -190 t132 190 q0 130 -46 190 q-40 52 -86 52 t-86 -52 q-46 -60 -46 -190z" fill="url(#skin)"/>
  <g clip-path="url(#face)">
    <path d="M470 300 h160 v420 h-120 q40 -130 -10 -260z" fill="#b9684d" opacity="0.16"/>
    <path d="M300 470 q60 -30 110 -130 q70 110 190 110 l0 -200 h-300z" fill="#2b2140" stroke="#2b2140" stroke-width="4"/>
    <circle cx="352" cy="590" r="34" fill="#e8745c" opacity="0.35"/>
    <circle cx="548" cy="590" r="34" fill="#e8745c" opacity="0.35"/>
  </g>
  <g fill="none" stroke="#2b2140" stroke-width="8" stroke-linecap="round">
    <path d="M362 500 q30 -18 58 0"/><path d="M480 500 q30 -18 58 0"/>
    <path d="M376 536 q16 14 34 0"/><path d="M490 536 q16 14 34 0"/>
    <path d="M452 540 q-18 50 6 58" stroke="#b0654a" stroke-width="6"/>
  </g>
  <path d="M412 642 q38 -20 76 0 q-38 36 -76 0z" fill="#c4453f"/>
  <circle cx="312" cy="620" r="14" fill="#f2b632"/><circle cx="588" cy="620" r="14" fill="#f2b632"/>
</svg>`
}

/** SVG: five layers of hills at sunset. */
function landscape(): string {
  const ridges = [
    [
      '#c98a8b',
      'M0 520 L180 430 L330 500 L520 360 L700 470 L880 330 L1080 470 L1260 390 L1440 480 L1600 410 V900 H0z',
    ],
    [
      '#a5657d',
      'M0 600 L140 560 L320 480 L470 570 L640 470 L820 580 L1010 500 L1190 590 L1380 490 L1600 570 V900 H0z',
    ],
    ['#74476d', 'M0 650 Q160 560 320 640 T640 620 T960 660 T1280 600 T1600 660 V900 H0z'],
    ['#472f58', 'M0 730 Q200 650 400 720 T800 710 T1200 740 T1600 690 V900 H0z'],
    ['#251d3d', 'M0 830 Q260 740 520 810 T1040 800 T1600 790 V900 H0z'],
  ]
  const trees = [90, 150, 196, 1290, 1345, 1420, 1478, 1530].map((x, at) => {
    const height = 74 + (at % 3) * 26
    return `<path d="M${x} ${806 - height} l${height / 5} ${height * 0.9} h${-height / 2.5}z M${x - 3} 790 h6 v30 h-6z"/>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="900" viewBox="0 0 1600 900">
  <defs>
    <linearGradient id="sky" x2="0" y2="1">
      <stop offset="0" stop-color="#35477d"/><stop offset="0.35" stop-color="#c06c84"/>
      <stop offset="0.62" stop-color="#f8b195"/><stop offset="1" stop-color="#fde2b8"/>
    </linearGradient>
    <radialGradient id="glow">
      <stop offset="0" stop-color="#fff3c9" stop-opacity="0.9"/><stop offset="1" stop-color="#ffd9a0" stop-opacity="0"/>
    </radialGradient>
    <linearGradient id="haze" x2="0" y2="1">
      <stop offset="0" stop-color="#fbd3b0" stop-opacity="0"/><stop offset="1" stop-color="#fbd3b0" stop-opacity="0.28"/>
    </linearGradient>
  </defs>
  <rect width="1600" height="900" fill="url(#sky)"/>
  <circle cx="1060" cy="330" r="330" fill="url(#glow)"/>
  <circle cx="1060" cy="330" r="82" fill="#fff6d8"/>
  <g fill="#fff" opacity="0.22">
    <rect x="180" y="180" width="330" height="16" rx="8"/><rect x="260" y="206" width="420" height="12" rx="6"/>
    <rect x="1180" y="150" width="260" height="14" rx="7"/><rect x="1110" y="174" width="190" height="10" rx="5"/>
  </g>
  ${ridges.map(([colour, path]) => `<path d="${path}" fill="${colour}"/><path d="${path}" fill="url(#haze)"/>`).join('\n  ')}
  <g fill="#251d3d">${trees.join('')}</g>
  <g fill="none" stroke="#35274f" stroke-width="4" stroke-linecap="round">
    <path d="M640 250 q14 -14 26 0 q12 -14 26 0"/><path d="M720 214 q11 -11 20 0 q10 -11 20 0"/>
    <path d="M590 300 q9 -9 17 0 q8 -9 17 0"/>
  </g>
</svg>`
}

/** SVG: a perfume bottle on a pedestal. */
function product(): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="1200" viewBox="0 0 1200 1200">
  <defs>
    <radialGradient id="room" cx="0.5" cy="0.38" r="0.8">
      <stop offset="0" stop-color="#f3f7f2"/><stop offset="1" stop-color="#a9c6bd"/>
    </radialGradient>
    <linearGradient id="glass"><stop offset="0" stop-color="#e5a06a"/><stop offset="0.18" stop-color="#fde3bd"/>
      <stop offset="0.5" stop-color="#f3b878"/><stop offset="0.86" stop-color="#d9823f"/><stop offset="1" stop-color="#f4c795"/>
    </linearGradient>
    <linearGradient id="gold"><stop offset="0" stop-color="#7d5a2b"/><stop offset="0.3" stop-color="#f2d59a"/>
      <stop offset="0.6" stop-color="#b98a48"/><stop offset="1" stop-color="#6d4c20"/>
    </linearGradient>
    <linearGradient id="stone"><stop offset="0" stop-color="#7fa398"/><stop offset="0.35" stop-color="#d7e5df"/><stop offset="1" stop-color="#6b9084"/></linearGradient>
    <radialGradient id="shadow"><stop offset="0" stop-color="#21403a" stop-opacity="0.5"/><stop offset="1" stop-color="#21403a" stop-opacity="0"/></radialGradient>
  </defs>
  <rect width="1200" height="1200" fill="url(#room)"/>
  <path d="M0 930 Q600 860 1200 930 V1200 H0z" fill="#8fb3a7"/>
  <path d="M220 930 V470 a380 380 0 0 1 760 0 V930z" fill="#dfeae4"/>
  <path d="M300 930 V480 a300 300 0 0 1 600 0 V930z" fill="#c7dbd2"/>
  <ellipse cx="600" cy="1090" rx="430" ry="60" fill="url(#shadow)"/>
  <path d="M310 900 v150 a290 62 0 0 0 580 0 v-150z" fill="url(#stone)"/>
  <ellipse cx="600" cy="900" rx="290" ry="62" fill="#e9f1ed"/>
  <ellipse cx="640" cy="905" rx="210" ry="38" fill="url(#shadow)"/>
  <rect x="440" y="480" width="320" height="420" rx="46" fill="url(#glass)"/>
  <rect x="440" y="480" width="320" height="110" rx="46" fill="#fff" opacity="0.35"/>
  <rect x="468" y="510" width="26" height="350" rx="13" fill="#fff" opacity="0.55"/>
  <rect x="555" y="420" width="90" height="66" fill="url(#gold)"/>
  <rect x="520" y="290" width="160" height="140" rx="18" fill="url(#gold)"/>
  <rect x="520" y="640" width="160" height="150" rx="8" fill="#fffaf0" opacity="0.94"/>
  <circle cx="600" cy="700" r="34" fill="none" stroke="#b98a48" stroke-width="6"/>
  <path d="M600 672 q26 28 0 56 q-26 -28 0 -56z" fill="#b98a48"/>
  <rect x="552" y="756" width="96" height="6" rx="3" fill="#b98a48"/>
  <g fill="#4f8a76">
    <path d="M900 900 q-40 -190 70 -330 q40 190 -70 330z"/><path d="M915 905 q30 -150 180 -190 q-30 160 -180 190z" fill="#3d7462"/>
    <path d="M890 905 q-90 -90 -80 -220 q100 90 80 220z" fill="#6aa48f"/>
  </g>
</svg>`
}

/** Three bell tones, one after the other: 3 s of WAV, mono, 16 bit. */
function chime(): Buffer {
  const [rate, seconds] = [16_000, 3]
  const wav = Buffer.alloc(44 + rate * seconds * 2)
  wav.write('RIFF', 0)
  wav.writeUInt32LE(wav.length - 8, 4)
  wav.write('WAVEfmt ', 8)
  wav.writeUInt32LE(16, 16)
  wav.writeUInt16LE(1, 20)
  wav.writeUInt16LE(1, 22)
  wav.writeUInt32LE(rate, 24)
  wav.writeUInt32LE(rate * 2, 28)
  wav.writeUInt16LE(2, 32)
  wav.writeUInt16LE(16, 34)
  wav.write('data', 36)
  wav.writeUInt32LE(wav.length - 44, 40)
  for (let at = 0; at < rate * seconds; at += 1) {
    const sound = [523.25, 659.26, 783.99].reduce((sum, pitch, bell) => {
      const t = at / rate - bell * 0.45
      return t < 0 ? sum : sum + Math.sin(2 * Math.PI * pitch * t) * Math.exp(-1.9 * t)
    }, 0)
    wav.writeInt16LE(Math.round(sound * 7000), 44 + at * 2)
  }
  return wav
}

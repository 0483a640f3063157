import { describe, expect, it } from 'vitest'
import { gatewayOfScript } from '../gateway-url.ts'
import { readMethods } from './method.ts'
import { readWatchAddress } from './stream.ts'

describe('the address of a stream', () => {
  it.each([
    ['https://live.example/watch/one', 'https://live.example', 'one'],
    ['https://live.example/a/b/watch/one-Two_3', 'https://live.example/a/b', 'one-Two_3'],
    ['/watch/here', 'http://page.example', 'here'],
    ['https://live.example/watch/one?methods=flv#x', 'https://live.example', 'one'],
  ])('is read from the watch page %s', (url, server, name) => {
    expect(readWatchAddress(url, 'http://page.example/some/page')).toEqual({ server, name, token: null })
  })

  it.each([
    'https://live.example/',
    'https://live.example/watch/',
    'https://live.example/watch/a/b',
    '/watch/a%2Fb',
    '',
  ])('is not read from %j', (url) => {
    expect(readWatchAddress(url, 'http://page.example/')).toBeNull()
  })

  it('is that of the script where none is named', () => {
    expect(gatewayOfScript('https://live.example/castgate.js')).toBe('https://live.example')
    expect(gatewayOfScript('https://live.example/x/assets/player-abc.js')).toBe('https://live.example/x')
  })
})

describe('the methods of a player', () => {
  it('are tried in the order in which they are named, and all where none is', () => {
    expect(readMethods('ll-hls, flv nonsense')).toEqual(['ll-hls', 'flv'])
    expect(readMethods('')).toEqual(['flv', 'flv-websocket', 'll-hls', 'hls', 'native'])
  })
})

import decodeQR from 'qr/decode.js';
import type { Page } from 'playwright-core';

/** What a phone's camera would see of the code on the page. */
export async function readQr(page: Page): Promise<string> {
  const { size, pixels } = await page.locator('svg.qr').evaluate(async (svg) => {
    const size = 300;
    const canvas = document.createElement('canvas');
    canvas.width = size;
    canvas.height = size;
    const context = canvas.getContext('2d')!;
    const [extent] = (svg.getAttribute('viewBox') ?? '').split(' ').slice(2).map(Number);
    context.fillStyle = '#fff';
    context.fillRect(0, 0, size, size);
    context.fillStyle = '#000';
    context.scale(size / extent!, size / extent!);
    context.fill(new Path2D(svg.querySelector('path')!.getAttribute('d')!));
    // As a text: an array of this length takes seconds on its way out of the browser.
    const { data } = context.getImageData(0, 0, size, size);
    return { size, pixels: btoa(Array.from(data, (value) => String.fromCharCode(value)).join('')) };
  });
  return decodeQR({ width: size, height: size, data: Uint8ClampedArray.from(Buffer.from(pixels, 'base64')) });
}
